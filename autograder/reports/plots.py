"""Pictures for pages: the chart of a class by matplotlib, and the small plot of a check, of which a class has many."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup

from autograder.messages import say
from autograder.records.mark import Curve
from autograder.text import html_text

_WIDTH, _HEIGHT, _MARGIN = 280, 150, 24
#: The colours of text and bars, on a light and on a dark page.
_COLOURS = {"light": ("#1c1e21", "#2f6fb0"), "dark": ("#e9ebee", "#7fb2ea")}


@dataclass(frozen=True)
class Plot:
    """A picture for light and for dark pages, as addresses that hold it, with its size and its words."""

    light: str
    dark: str
    width: int
    height: int
    text: str


def histogram(values: Sequence[float], xlabel: str, ylabel: str, text: str) -> Plot:
    """How many of the values lie in each tenth from 0 to 100.

    Args:
        values: percentages.
        xlabel: below the axis of the values.
        ylabel: beside the axis of the counts.
        text: the picture in words.
    """
    light, dark = (_histogram(tuple(values), xlabel, ylabel, mode) for mode in ("light", "dark"))
    return Plot(light, dark, 480, 240, text)


@cache
def _histogram(values: tuple[float, ...], xlabel: str, ylabel: str, mode: str) -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    colour, bars = _COLOURS[mode]
    settings: Any = {
        "svg.hashsalt": "autograder",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), colour),
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.hist(values, bins=range(0, 101, 10), color=bars, edgecolor=colour)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.patch.set_visible(False)
        figure.patch.set_visible(False)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return f"data:image/svg+xml;base64,{b64encode(out.getvalue().encode()).decode()}"


def curve_svg(curve: Curve, text: str) -> Markup:
    """Expected and actual numbers over an input as SVG to stand in a page: circles and crosses.

    Args:
        curve: the numbers; what is not finite is left out.
        text: the picture in words.
    """
    xs = [x for x in curve.x if x is not None]
    ys = [y for y in (*curve.expected, *curve.actual) if y is not None]
    if not xs or not ys:
        return Markup("")
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / (right - left) if right > left else 0.5
        up = (y - low) / (high - low) if high > low else 0.5
        return (
            round(_MARGIN + across * (_WIDTH - 2 * _MARGIN), 1),
            round(_HEIGHT - _MARGIN - up * (_HEIGHT - 2 * _MARGIN), 1),
        )

    shapes = []
    for x, expected, actual in zip(curve.x, curve.expected, curve.actual, strict=True):
        if x is not None and expected is not None:
            shapes.append(Markup('<circle class="expected" cx="{}" cy="{}" r="5"/>').format(*place(x, expected)))
        if x is not None and actual is not None:
            across, up = place(x, actual)
            shapes.append(
                Markup('<path class="actual" d="M{} {}l8 8m0 -8l-8 8"/>').format(round(across - 4, 1), round(up - 4, 1))
            )
    labels = [(4, 12, f"{high:.3g}"), (4, _HEIGHT - _MARGIN, f"{low:.3g}")]
    labels += [(_MARGIN, _HEIGHT - 6, f"{left:.3g}"), (_WIDTH - 2 * _MARGIN, _HEIGHT - 6, f"{right:.3g}")]
    labels.append((_WIDTH // 3, 12, f"○ {say('report.curve_expected')}   × {say('report.curve_actual')}"))
    words = Markup("").join(Markup('<text x="{}" y="{}">{}</text>').format(*label) for label in labels)
    axis = Markup('<path class="axis" fill="none" d="M{0} {0}V{1}H{2}"/>').format(
        _MARGIN, _HEIGHT - _MARGIN + 8, _WIDTH - _MARGIN
    )
    frame = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>')
    return frame.format(_WIDTH, _HEIGHT, html_text(text), axis, Markup("").join(shapes), words)
