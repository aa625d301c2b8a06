"""HTML: a page per student, the page of a class, and what a notebook shows.

Every page is whole in itself: no request leaves it, and its policy lets nothing run but our own script. What templates
print goes through `autograder.text.html_text` and Jinja's autoescape; there is no other way for text to get in.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autograder import messages
from autograder.messages import say
from autograder.reports.classroom import ClassReport
from autograder.reports.feedback import (
    Feedback,
    grid_cells,
    input_title,
    short_score,
    titled,
    verdict_word,
)
from autograder.reports.plots import Plot, curve_svg, histogram
from autograder.text import html_text

#: The page of a class, and the folder of those of its students.
INDEX, STUDENTS = "index.html", "students"
#: What every page of ours has in its head.
OURS = '<meta name="generator" content="autograder">'


def student_page(told: Feedback, *, back: str = "") -> str:
    """The feedback of one student as a page.

    Args:
        told: what the student reads.
        back: address of the page of the class, for those who may see it.
    """
    return _page("student.html.j2", told=told, back=back)


def class_page(report: ClassReport) -> str:
    """The report of a class as a page."""
    plots = {"histogram": _histogram(report)} if report.scores else {}
    return _page("class.html.j2", script="class.js", report=report, **plots)


def fragment(told: Feedback) -> str:
    """The feedback of one student as the output of a notebook cell, with its style and without a page around it."""
    module: Any = _environment().get_template("feedback.html.j2").module
    body = module.feedback_of(told)
    return f'<style>{_asset("style.css")}</style><div class="autograder">{body}</div>'


def _page(template: str, *, script: str = "", **values: Any) -> str:
    style, code = _asset("style.css"), _asset(script) if script else Markup("")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(code)}'" if code else "script-src 'none'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    found = _environment().get_template(template)
    return found.render(language=messages.current().language, policy=Markup(policy), style=style, script=code, **values)


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _asset(name: str) -> Markup:
    """A file of ours that goes into a page as it is."""
    return Markup(resources.files(__package__).joinpath("templates").joinpath(name).read_text(encoding="utf-8"))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("autograder.reports"),
        autoescape=True,
        finalize=html_text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        say=say,
        short_score=short_score,
        verdict_word=verdict_word,
        input_title=input_title,
        titled=titled,
        marked_rows=grid_cells,
        curve_svg=curve_svg,
    )
    return made


def _histogram(report: ClassReport) -> Plot:
    text = say("class.scores_alt", median=f"{report.median:.0f}", mean=f"{report.mean:.0f}")
    return histogram(report.scores, say("class.percent"), say("class.students"), text)
