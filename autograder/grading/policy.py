"""What a question forbids: the judgement of what was seen beside the student's code, and of the text of the cells.

What a job says that it saw may be forged or evaded, so it never earns points that a right answer does not earn, and
its words are never repeated: a message names what the author forbids and the student's own line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.course.accelerator import Device
from autograder.course.observe import OBSERVED, Forbids, Lines, Ops
from autograder.course.probes import Parts, Probe
from autograder.course.values import TensorValue
from autograder.grading.notebook_text import NotebookText, Use
from autograder.messages import say
from autograder.records.mark import CheckMark, QuestionMark, Verdict

if TYPE_CHECKING:
    from autograder.grading.key import KeyedCheck, KeyedQuestion
    from autograder.sandbox.sitting import Outcome

Refusal = tuple[Verdict, str]
_MAX_NAMED = 5
#: A notebook that chooses its device by what is there chooses the CPU here, and would not elsewhere.
_CHOOSES_DEVICE = ("is_available", "set_default_device", "current_accelerator")
#: What can be wrong on an accelerator; anything else that a job says counts as the first.
_FAULTS = ("mixed", "numpy", "result")
#: Names from the job are told only if they are among these.
_NAMED_OPERATORS = frozenset(
    (
        *(
            "add",
            "add_",
            "sub",
            "sub_",
            "mul",
            "mul_",
            "div",
            "div_",
            "pow",
            "mm",
            "bmm",
            "mv",
            "dot",
            "addmm",
            "matmul",
        ),
        *(
            "cat",
            "stack",
            "where",
            "gather",
            "scatter",
            "scatter_",
            "index_put",
            "index_put_",
            "index_select",
            "embedding",
        ),
        *(
            "masked_fill",
            "masked_fill_",
            "maximum",
            "minimum",
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "logical_and",
            "lerp",
        ),
        *("convolution", "native_layer_norm", "native_batch_norm", "nll_loss_forward", "binary_cross_entropy"),
    )
)


def split_observed(parts: Parts) -> tuple[Parts, Mapping[Any, Any] | None]:
    """The parts that are compared, and what was seen while they were made; None where nothing (readable) was."""
    seen = parts.get(OBSERVED)
    rest = {name: value for name, value in parts.items() if name != OBSERVED}
    return rest, seen if isinstance(seen, dict) else None


def refusal(probe: Probe, seen: Mapping[Any, Any] | None, forbids: Forbids) -> Refusal | None:
    """Verdict and message where what was seen is against the rules of its verb."""
    judge = _JUDGES.get(type(probe))
    if judge is None:
        return None
    if seen is None:
        return "fail", say("policy.no_record")
    found: Refusal | None = judge(probe, seen, forbids)
    return found


def applied(
    mark: CheckMark, check: KeyedCheck, outcomes: Sequence[Outcome], question: KeyedQuestion, text: NotebookText
) -> CheckMark:
    """The mark of a check after the policy of its question: what was got in a forbidden way is refused."""
    if mark.verdict not in ("pass", "fail"):
        return mark
    for case, outcome in zip(check.cases, outcomes, strict=True):
        if outcome.kind != "answer":
            continue
        seen = split_observed(outcome.parts)[1]
        found = refusal(case.probe, seen, question.forbids)
        if isinstance(case.probe, Device) and mark.verdict == "pass":
            if found is not None and any(map(text.mentions, _CHOOSES_DEVICE)):
                found, seen = None, {"device": "unknown"}
            if found is not None:
                found = found[0], found[1] + _where(seen or {}, text)
            elif _text((seen or {}).get("device")) == "unknown":
                mark = replace(mark, message=say("policy.no_verdict"))
        if isinstance(case.probe, Ops):
            found = _in_text(question, text) or found
        # A wrong answer is told first, unless it was got in a forbidden way.
        if found is not None and (mark.verdict == "pass" or found[0] == "refused"):
            return replace(mark, verdict=found[0], hundredths=0, message=found[1], hint=check.hint)
    return mark


def flags(text: NotebookText, questions: Sequence[QuestionMark]) -> Iterator[str]:
    """What a person should look at: refused checks, and names in the text that can evade or switch off the records."""
    for question in questions:
        for check in question.checks:
            if check.verdict == "refused":
                yield say("policy.refused", question=question.name, message=check.message)
    for name, (use, why) in text.suspicious.items():
        yield say("policy.suspicious", name=name, why=say(f"policy.{why}"), place=text.place(use))
    for number in text.unread:
        yield say("policy.unread", number=number)


def _in_text(question: KeyedQuestion, text: NotebookText) -> Refusal | None:
    uses = {use.name: use for use in text.forbidden(question.name, question.forbids)}
    if not uses:
        return None
    shown = [f"{name} ({text.place(use)})" for name, use in sorted(uses.items())][:_MAX_NAMED]
    return "refused", say("policy.not_allowed", what="; ".join(shown))


def _judge_ops(probe: Ops, seen: Mapping[Any, Any], forbids: Forbids) -> Refusal | None:
    operators = [name.rpartition("::")[2] for name in _texts(seen.get("operators"))]
    kinds = [p.strip("*_") for p in forbids.operators if any(fnmatchcase(name, p) for name in operators)]
    packages = sorted(set(forbids.imports) & set(_texts(seen.get("packages"))))
    told = [say("policy.operator_ran", operator=kind) for kind in kinds]
    told += [say("policy.package_ran", package=package) for package in packages]
    return ("refused", say("policy.not_allowed", what="; ".join(told[:_MAX_NAMED]))) if told else None


def _judge_lines(probe: Lines, seen: Mapping[Any, Any], forbids: Forbids) -> Refusal | None:
    counts = seen.get("lines")
    if not (isinstance(counts, list) and len(counts) == 2 and all(type(c) is int for c in counts)):
        return "fail", say("policy.no_record")
    # One line more for every second sample is a loop; a branch that one of the inputs takes is not.
    if counts[1] - counts[0] < more_samples(probe) / 2:
        return None
    return "fail", say("policy.loop")


def _judge_device(probe: Device, seen: Mapping[Any, Any], forbids: Forbids) -> Refusal | None:
    (verdict, operator, kind) = (_text(seen.get(name)) for name in ("device", "operator", "kind"))
    if verdict in ("fine", "unknown"):
        return None
    name = operator if operator in _NAMED_OPERATORS else say("policy.an_operator")
    return "fail", say(f"policy.{kind if kind in _FAULTS else _FAULTS[0]}", operator=name)


def _where(seen: Mapping[Any, Any], text: NotebookText) -> str:
    """The student's line, looked up in the notebook; "" where the job named none that is there."""
    cell, line = seen.get("cell"), seen.get("line")
    if type(cell) is not int or type(line) is not int or not text.has(cell, line):
        return ""
    return say("policy.it_is_in", place=text.place(Use("", cell, line)))


_JUDGES: dict[type[Any], Any] = {Ops: _judge_ops, Lines: _judge_lines, Device: _judge_device}


def more_samples(probe: Lines) -> int:
    """By how many samples the larger probe of a pair exceeds the smaller: the largest growth of any axis."""
    pairs = zip(_shapes(probe.few), _shapes(probe.many), strict=True)
    return max((b - a for few, many in pairs for a, b in zip(few, many, strict=True)), default=0)


def _shapes(record: Any) -> Iterator[tuple[int, ...]]:
    """Shapes of the arrays and tensors in a probe."""
    if isinstance(record, np.ndarray):
        yield record.shape
    elif type(record) is TensorValue:
        yield record.array.shape
    elif isinstance(record, Mapping):
        yield from (shape for item in record.values() for shape in _shapes(item))
    elif isinstance(record, list | tuple):
        yield from (shape for item in record for shape in _shapes(item))
    elif hasattr(record, "__dataclass_fields__"):
        yield from _shapes(vars(record))


def _text(value: Any) -> str:
    """What a job says, where it is a text; "" for anything else."""
    return value if type(value) is str else ""


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
