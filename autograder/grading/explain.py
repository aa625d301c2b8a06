"""Words for a difference: what a student reads when a check fails.

`Difference` is data, made by `compare`; `render` turns it into sentences. At level "hint" it tells
the kind of difference and the pattern, never a number from the values; and nothing that a student's
code could have chosen freely (a class name, a key, a huge shape), because code that saw the hidden
inputs could smuggle them out that way.
"""

from __future__ import annotations

import cmath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from autograder.grading.difference import Difference, Kind, Mismatch, Scalar, Summary
from autograder.messages import current, say
from autograder.text import visible

__all__ = ["Difference", "Kind", "Mismatch", "Reveal", "Scalar", "Summary", "formatted", "render"]

Reveal = Literal["none", "hint", "full"]

_TEXT_LIMIT = 100
_DIGITS = (6, 9, 12, 15, 17)


def render(difference: Difference, reveal: Reveal, name: str = "") -> str:
    """Short sentences for a student; several lines only at level "full".

    Args:
        difference: what `compare` found.
        reveal: "none" tells nothing; "hint" the kind of difference, shapes, dtypes, known types and
            the pattern, but no value, no index and no text of the student's; "full" also the worst
            element; `autograder.grading.detail` has the arrays.
        name: how to speak of what was called.
    """
    if difference.kind == "not_comparable":
        return say("explain.not_comparable")
    if reveal == "none":
        return say("explain.hidden_failed")
    words = _Words(difference, reveal == "full", name or say("explain.your_function"))
    sentences = [_SENTENCES[difference.kind](words)]
    if difference.pattern is not None:
        sentences.append(difference.pattern.text)
        if words.full and difference.pattern.detail:
            sentences.append(f"({difference.pattern.detail[0].upper()}{difference.pattern.detail[1:]}.)")
    text = " ".join(sentence for sentence in sentences if sentence)
    if not name or not text.startswith(name):
        text = text[0].upper() + text[1:]
    if words.full and difference.mismatch is not None:
        text = "\n".join([text, _numbers(difference.mismatch)])
    return text


@dataclass(frozen=True)
class _Words:
    """A difference with the choice of what may be told."""

    difference: Difference
    full: bool
    name: str

    @property
    def part(self) -> str:
        """The part as a noun: ``the output``, ``the gradient of x``, `` `v[0]` ``."""
        path = visible(self.difference.part, _TEXT_LIMIT)
        if path == "output":
            return say("explain.output")
        if re.match(r"gradient of [^\[]*$", path):
            return say("explain.gradient", name=path.removeprefix("gradient of "))
        if re.match(r"(output|value|result|attribute|names)\b[^\[]*$", path):
            return say("explain.named", path=path)
        return path if path.startswith("input ") and "[" not in path else f"`{path}`"

    @property
    def it_is(self) -> str:
        """How a sentence about what came begins: ``softmax returned``, ``the attribute v is``."""
        if self.difference.part == "output":
            return say("explain.returned", name=self.name)
        if re.match(r"(output|result)\b[^\[]*$", self.difference.part):
            return say("explain.returned_part", name=self.name, part=self.part)
        return say("explain.is", part=self.part)

    def describe(self, summary: Summary) -> str:
        """A value in a few words."""
        of_student = summary is self.difference.actual
        if summary.kind in ("array", "tensor"):
            shape, dtype = self.shape(summary), self.dtype(summary)
            return say(f"explain.{summary.kind}", type=summary.type, shape=shape, dtype=dtype)
        if summary.kind == "number":
            return say("explain.number", dtype=self.dtype(summary))
        if summary.kind in ("sequence", "dict"):
            key = "item" if summary.length == 1 else "items"
            return say(f"explain.{key}", type=summary.type, length=self.length(summary))
        if summary.kind in ("none", "text"):
            return say(f"explain.{summary.kind}")
        if of_student and not self.full and not current().get(f"returned.{summary.type}"):
            return say("explain.some_object")
        return say("explain.object", type=summary.type)

    def shape(self, summary: Summary) -> str:
        shape = summary.shape or ()
        if summary is self.difference.actual and not self.full and not self._is_ordinary(shape):
            return say("explain.shape_untold")
        return str(shape)

    def length(self, summary: Summary) -> str:
        length = summary.length or 0
        if summary is self.difference.actual and not self.full and not self._is_ordinary((length,)):
            return say("explain.length_untold")
        return f"{length:,}"

    def dtype(self, summary: Summary) -> str:
        known = self.full or _DTYPE.fullmatch(summary.dtype)
        return visible(summary.dtype, 40) if known else say("explain.dtype_untold")

    def device(self, summary: Summary) -> str:
        known = re.fullmatch(r"cpu|mps|meta|(cuda|xpu)(:\d\d?)?", summary.device)
        return visible(summary.device, 40) if self.full or known else say("explain.device_untold")

    def _is_ordinary(self, shape: tuple[int, ...]) -> bool:
        """Whether a mistake could make this shape, going by the expected one.

        Arrays without elements may have any lengths, so a shape of the student's choice could carry a hidden input.
        """
        expected = self.difference.expected
        around = expected.shape if expected.length is None else (expected.length,)
        largest = max(around or (), default=1)
        return len(shape) <= len(around or ()) + 2 and all(length <= max(2 * largest, 12) for length in shape)


_DTYPE = re.compile(r"bool|b?float\d{0,3}|complex\d{0,3}|u?int\d{0,3}|object|str\d{0,3}|bytes\d{0,3}")


def _type(words: _Words) -> str:
    expected, actual = words.difference.expected, words.difference.actual
    wanted = words.describe(expected)
    if actual.kind == "none":
        returned = words.it_is == say("explain.is", part=words.part)
        return say("explain.came_none" if returned else "explain.no_return", it_is=words.it_is, wanted=wanted)
    if actual.kind == "other":
        known = current().get(f"returned.{actual.type}")
        what = known or words.describe(actual)
        told = say("explain.came_other" if known else "explain.only_plain", it_is=words.it_is, what=what)
        sentences = (told, _reason(words), say("explain.expected", wanted=wanted))
        return " ".join(sentence for sentence in sentences if sentence)
    if expected.kind == actual.kind == "tensor":
        told = say("explain.tensor_type", it_is=words.it_is, actual=actual.type, expected=expected.type)
        return f"{told} {current().get(f'parameters.{expected.type}')}".rstrip()
    told = say("explain.other_type", it_is=words.it_is, what=words.describe(actual), wanted=wanted)
    return f"{told} {current().get(f'instead.{expected.kind} {actual.kind}')}".rstrip()


def _reason(words: _Words) -> str:
    """Why a value could not cross. Unknown reasons may hold the student's own text or sizes."""
    reason = words.difference.actual.reason
    for start, advice in current().section("reasons").items():
        if reason.startswith(start):
            return advice
    return say("explain.reason", reason=reason) if words.full and reason else ""


def _missing(words: _Words) -> str:
    return say("explain.missing", part=words.part)


def _extra(words: _Words) -> str:
    return say("explain.extra_named", part=words.part) if words.full else say("explain.extra")


def _structure(words: _Words) -> str:
    expected, actual = words.difference.expected, words.difference.actual
    if expected.kind == "dict":
        lists = (("keys_missing", expected.keys), ("keys_extra", actual.keys))
        told = [say(f"explain.{key}", keys=", ".join(keys)) for key, keys in lists if keys and words.full]
        return " ".join([say("explain.keys", it_is=words.it_is), *told])
    what, wanted = words.describe(actual), words.describe(expected)
    return say("explain.other_type", it_is=words.it_is, what=what, wanted=wanted)


def _shape(words: _Words) -> str:
    expected, actual = words.difference.expected, words.difference.actual
    if expected.kind == "number":
        return say("explain.single_expected", it_is=words.it_is, shape=words.shape(actual))
    if actual.kind == "number":
        return say("explain.single_came", it_is=words.it_is, wanted=words.describe(expected))
    return say("explain.shape", part=words.part, actual=words.shape(actual), expected=words.shape(expected))


def _dtype(words: _Words) -> str:
    expected, actual = words.difference.expected, words.difference.actual
    text = say("explain.dtype", part=words.part, actual=words.dtype(actual), expected=words.dtype(expected))
    advice = current().get(f"dtypes.{_family(expected.dtype)} {_family(actual.dtype)}")
    return f"{text} {advice}".rstrip()


def _family(dtype: str) -> str:
    return re.sub(r"[^a-z]", "", dtype).removeprefix("u").removeprefix("b") if dtype != "bool" else "bool"


def _device(words: _Words) -> str:
    expected, actual = words.difference.expected, words.difference.actual
    return say("explain.device", part=words.part, actual=words.device(actual), expected=words.device(expected))


def _nan(words: _Words) -> str:
    mismatch = words.difference.mismatch
    expected = mismatch is not None and mismatch.actual_there == mismatch.actual_there
    return say("explain.nan_expected" if expected else "explain.nan", part=words.part)


def _inf(words: _Words) -> str:
    mismatch = words.difference.mismatch
    came = mismatch is not None and _is_infinite(mismatch.actual_there)
    return say("explain.inf" if came else "explain.inf_expected", part=words.part)


def _is_infinite(number: Scalar) -> bool:
    return isinstance(number, float | complex) and cmath.isinf(number)


def _input_changed(words: _Words) -> str:
    return say("explain.input_changed", part=words.part)


def _no_gradient(words: _Words) -> str:
    return say("explain.no_gradient", name=visible(words.difference.part, _TEXT_LIMIT).removeprefix("gradient of "))


def _values(words: _Words) -> str:
    mismatch = words.difference.mismatch
    if words.difference.expected.kind == "text":
        return say("explain.other_text", part=words.part)
    if mismatch is None or mismatch.total == 1:
        return say("explain.wrong_value", part=words.part)
    if words.full:
        key = "wrong_one" if mismatch.differing == 1 else "wrong_many"
        return say(f"explain.{key}", part=words.part, count=f"{mismatch.differing:,}", total=f"{mismatch.total:,}")
    return say("explain.wrong_all" if mismatch.differing == mismatch.total else "explain.wrong_some", part=words.part)


_SENTENCES: dict[Kind, Callable[[_Words], str]] = {
    "missing": _missing,
    "extra": _extra,
    "type": _type,
    "structure": _structure,
    "shape": _shape,
    "dtype": _dtype,
    "device": _device,
    "nan": _nan,
    "inf": _inf,
    "input_changed": _input_changed,
    "no_gradient": _no_gradient,
    "values": _values,
}


def _numbers(mismatch: Mismatch) -> str:
    """One line with the element that shows the difference best."""
    expected, actual = mismatch.expected_there, mismatch.actual_there
    if isinstance(expected, str) or isinstance(actual, str):
        return say("explain.texts_part", expected=expected, actual=actual, count=f"{mismatch.index[0]:,}")
    left, right = formatted([(expected, actual)])[0]
    place = list(mismatch.index)
    if mismatch.max_abs_err is None or mismatch.allowed_there is None:
        key = "here" if mismatch.total == 1 else "first"
        return say(f"explain.{key}", place=place, expected=left, actual=right)
    error, allowed = f"{mismatch.max_abs_err:.3g}", f"{mismatch.allowed_there:.3g}"
    key = "here_off" if mismatch.total == 1 else "largest"
    return say(f"explain.{key}", place=place, expected=left, actual=right, error=error, allowed=allowed)


def formatted(pairs: Sequence[tuple[Scalar, Scalar]], differs: Sequence[bool] | None = None) -> list[tuple[str, str]]:
    """Pairs of numbers as text, with as few digits as still show every difference."""
    texts: list[tuple[str, str]] = []
    marks = differs or [True] * len(pairs)
    for digits in _DIGITS:
        texts = [(_number(left, digits), _number(right, digits)) for left, right in pairs]
        if all(left != right for (left, right), mark in zip(texts, marks, strict=True) if mark):
            break
    return texts


def _number(number: Scalar, digits: int) -> str:
    if isinstance(number, bool | int | str):
        return visible(str(number), _TEXT_LIMIT)
    return f"{number:.{digits}g}"
