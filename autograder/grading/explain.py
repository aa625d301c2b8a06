"""Words for a difference: what a student reads when a check fails.

`Difference` is data, made by `compare`; `render` turns it into sentences. At level "hint" it tells
the kind of difference and the pattern, never a number from the values; and nothing that a student's
code could have chosen freely (a class name, a key, a huge shape), because code that saw the hidden
inputs could smuggle them out that way.
"""

from __future__ import annotations

import cmath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from autograder.grading.advice import DTYPE_ADVICE, INSTEAD, PARAMETERS, REASONS, RETURNED
from autograder.grading.difference import Difference, Kind, Mismatch, Scalar, Summary
from autograder.text import visible

__all__ = ["Difference", "Kind", "Mismatch", "Reveal", "Scalar", "Summary", "formatted", "render"]

Reveal = Literal["none", "hint", "full"]

_TEXT_LIMIT = 100
_NAMELESS = "your function"
_DIGITS = (6, 9, 12, 15, 17)


def render(difference: Difference, reveal: Reveal, name: str = _NAMELESS) -> str:
    """Short sentences for a student; several lines only at level "full".

    Args:
        difference: what `compare` found.
        reveal: "none" tells nothing; "hint" the kind of difference, shapes, dtypes, known types and
            the pattern, but no value, no index and no text of the student's; "full" also the worst
            element; `autograder.grading.detail` has the arrays.
        name: how to speak of what was called.
    """
    if difference.kind == "not_comparable":
        return "The expected answer cannot be compared. This is a fault of the grader, not yours: tell your instructor."
    if reveal == "none":
        return "This hidden check failed."
    words = _Words(difference, reveal == "full", name)
    sentences = [_SENTENCES[difference.kind](words)]
    if difference.pattern is not None:
        sentences.append(difference.pattern.text)
        if words.full and difference.pattern.detail:
            sentences.append(f"({difference.pattern.detail[0].upper()}{difference.pattern.detail[1:]}.)")
    text = " ".join(sentence for sentence in sentences if sentence)
    if not text.startswith(name) or name == _NAMELESS:
        text = text[0].upper() + text[1:]
    if words.full and difference.mismatch is not None:
        text = "\n".join([text, *_numbers(difference.mismatch)])
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
        if re.match(r"(output|value|result|gradient|attribute|names)\b[^\[]*$", path):
            return f"the {path}"
        return path if path.startswith("input ") and "[" not in path else f"`{path}`"

    @property
    def it_is(self) -> str:
        """How a sentence about what came begins: ``softmax returned``, ``the attribute v is``."""
        if re.match(r"(output|result)\b[^\[]*$", self.difference.part):
            where = "" if self.difference.part == "output" else f" ({self.part})"
            return f"{self.name}{where} returned"
        return f"{self.part} is"

    def describe(self, summary: Summary) -> str:
        """A value in a few words."""
        of_student = summary is self.difference.actual
        if summary.kind in ("array", "tensor"):
            noun = f"a {summary.type}" if summary.kind == "tensor" else "an array"
            return f"{noun} of shape {self.shape(summary)} and dtype {self.dtype(summary)}"
        if summary.kind == "number":
            return f"a single number ({self.dtype(summary)})"
        if summary.kind in ("sequence", "dict"):
            count = "item" if summary.length == 1 else "items"
            return f"a {summary.type} of {self.length(summary)} {count}"
        if summary.kind in ("none", "text"):
            return {"none": "None", "text": "a text (str)"}[summary.kind]
        if of_student and not self.full and summary.type not in RETURNED:
            return "an object of some other class"
        return f"an object of type {summary.type}"

    def shape(self, summary: Summary) -> str:
        shape = summary.shape or ()
        if summary is self.difference.actual and not self.full and not self._is_ordinary(shape):
            return "(too large to tell)"
        return str(shape)

    def length(self, summary: Summary) -> str:
        length = summary.length or 0
        if summary is self.difference.actual and not self.full and not self._is_ordinary((length,)):
            return "very many"
        return f"{length:,}"

    def dtype(self, summary: Summary) -> str:
        return visible(summary.dtype, 40) if self.full or _DTYPE.fullmatch(summary.dtype) else "another dtype"

    def device(self, summary: Summary) -> str:
        known = re.fullmatch(r"cpu|mps|meta|(cuda|xpu)(:\d\d?)?", summary.device)
        return visible(summary.device, 40) if self.full or known else "another device"

    def _is_ordinary(self, shape: tuple[int, ...]) -> bool:
        """Whether a mistake could make this shape, going by the expected one.

        Arrays without elements may have any lengths, so a shape of the student's choice could carry a hidden input.
        """
        expected = self.difference.expected
        around = expected.shape if expected.length is None else (expected.length,)
        largest = max(around or (), default=1)
        return len(shape) <= len(around or ()) + 2 and all(length <= max(2 * largest, 12) for length in shape)


_DTYPE = re.compile(r"bool|b?float\d{0,3}|complex\d{0,3}|u?int\d{0,3}|object|str\d{0,3}|bytes\d{0,3}")


_NO_RETURN = "is a `return` statement missing? print() shows a value but does not return it."
_ONLY_PLAIN = "only numbers, texts, arrays, tensors and containers of them count, no subclasses."


def _type(words: _Words) -> str:
    expected, actual = words.difference.expected, words.difference.actual
    wanted = words.describe(expected)
    if actual.kind == "none":
        why = f": {_NO_RETURN}" if words.it_is.endswith("returned") else "."
        return f"{words.it_is} None{why} Expected {wanted}."
    if actual.kind == "other":
        known = RETURNED.get(actual.type)
        told = known or f"{words.describe(actual)}: {_ONLY_PLAIN}"
        sentences = (f"{words.it_is} {told}", _reason(words), f"Expected {wanted}.")
        return " ".join(sentence for sentence in sentences if sentence)
    if expected.kind == actual.kind == "tensor":
        advice = PARAMETERS.get(expected.type, "")
        return f"{words.it_is} a {actual.type}, expected a {expected.type}. {advice}".rstrip()
    advice = INSTEAD.get((expected.kind, actual.kind), "")
    return f"{words.it_is} {words.describe(actual)}, expected {wanted}. {advice}".rstrip()


def _reason(words: _Words) -> str:
    """Why a value could not cross. Unknown reasons may hold the student's own text or sizes."""
    reason = words.difference.actual.reason
    for start, advice in REASONS.items():
        if reason.startswith(start):
            return advice
    return f"Reason: {reason}." if words.full and reason else ""


def _missing(words: _Words) -> str:
    return f"{words.part} is missing from the answer."


def _extra(words: _Words) -> str:
    which = f": {words.part}." if words.full else "."
    return f"the answer has a part that was not asked for{which}"


def _structure(words: _Words) -> str:
    expected, actual = words.difference.expected, words.difference.actual
    if expected.kind == "dict":
        text = f"{words.it_is} a dict with other keys than expected: see the names in the task."
        lists = (("Missing", expected.keys), ("Not expected", actual.keys))
        told = [f"{word}: {', '.join(keys)}." for word, keys in lists if keys and words.full]
        return " ".join([text, *told])
    return f"{words.it_is} {words.describe(actual)}, expected {words.describe(expected)}."


def _shape(words: _Words) -> str:
    expected, actual = words.difference.expected, words.difference.actual
    if expected.kind == "number":
        came = f"{words.it_is} an array of shape {words.shape(actual)}"
        return f"{came}, expected a single number: sum or mean over every axis?"
    if actual.kind == "number":
        wanted = words.describe(expected)
        return f"{words.it_is} a single number, expected {wanted}: reduced over too many axes?"
    return f"{words.part} has shape {words.shape(actual)}, expected {words.shape(expected)}."


def _dtype(words: _Words) -> str:
    expected, actual = words.difference.expected, words.difference.actual
    text = f"{words.part} has dtype {words.dtype(actual)}, expected {words.dtype(expected)}."
    return f"{text} {DTYPE_ADVICE.get((_family(expected.dtype), _family(actual.dtype)), '')}".rstrip()


def _family(dtype: str) -> str:
    return re.sub(r"[^a-z]", "", dtype).removeprefix("u").removeprefix("b") if dtype != "bool" else "bool"


def _device(words: _Words) -> str:
    expected, actual = words.difference.expected, words.difference.actual
    return (
        f"{words.part} lies on {words.device(actual)}, expected {words.device(expected)}. "
        "Create new tensors on the device of the input."
    )


def _nan(words: _Words) -> str:
    mismatch = words.difference.mismatch
    if mismatch is not None and mismatch.actual_there == mismatch.actual_there:
        return f"{words.part} has a number where nan (not a number) is expected."
    return (
        f"{words.part} contains nan (not a number) where a number is expected. Look for "
        "zero divided by zero, inf - inf, zero times inf, or the logarithm of a negative number."
    )


def _inf(words: _Words) -> str:
    mismatch = words.difference.mismatch
    if mismatch is not None and _is_infinite(mismatch.actual_there):
        return (
            f"{words.part} contains an infinity where another value is expected. "
            "Look for an overflow in exp, a division by zero or the logarithm of zero."
        )
    return f"{words.part} has another value where an infinity is expected."


def _is_infinite(number: Scalar) -> bool:
    return isinstance(number, float | complex) and cmath.isinf(number)


def _input_changed(words: _Words) -> str:
    return (
        f"{words.part} is not as expected. Unless the task asks for a change in place, work on a "
        "copy (x.copy() or x.clone()) and avoid +=, x[...] = ... and sort()."
    )


def _no_gradient(words: _Words) -> str:
    return (
        f"there is no {words.part.removeprefix('the ')}: for autograd the result does not depend "
        "on it. Look for .item(), .detach(), .data, float(...), torch.tensor(...) of a tensor, "
        "or NumPy on the way."
    )


def _values(words: _Words) -> str:
    mismatch = words.difference.mismatch
    if words.difference.expected.kind == "text":
        return f"{words.part} is another text than expected."
    if mismatch is None or mismatch.total == 1:
        return f"{words.part} has the right type, but the wrong value."
    if words.full:
        are = "is" if mismatch.differing == 1 else "are"
        many = f"{mismatch.differing:,} of {mismatch.total:,} values {are} wrong"
    else:
        all_ = mismatch.differing == mismatch.total
        many = "all values are wrong" if all_ else "some values are wrong"
    return f"{words.part} has the right type and shape, but {many}."


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


def _numbers(mismatch: Mismatch) -> Iterator[str]:
    """One line with the element that shows the difference best."""
    expected, actual = mismatch.expected_there, mismatch.actual_there
    if isinstance(expected, str) or isinstance(actual, str):
        at = f"they part after {mismatch.index[0]:,} characters"
        yield f'Expected "{expected}", got "{actual}" ({at}).'
        return
    left, right = formatted([(expected, actual)])[0]
    line = f"expected {left}, got {right}"
    if mismatch.max_abs_err is not None and mismatch.allowed_there is not None:
        line += f" (off by {mismatch.max_abs_err:.3g}, allowed {mismatch.allowed_there:.3g})"
    if mismatch.total > 1:
        which = "Largest error" if mismatch.max_abs_err is not None else "First"
        line = f"{which} at {list(mismatch.index)}: {line}"
    yield f"{line[0].upper()}{line[1:]}."


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
