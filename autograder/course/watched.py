"""The checks that many questions share: a torch one runs on any device, and each does without what it forbids."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from autograder.course.accelerator import device
from autograder.course.model import Draw, QuestionBuilder, declared
from autograder.course.observe import NUMPY_ONLY, ops
from autograder.course.probes import Call, Gradient, Probe, Steps

_ANYWHERE = "Which tensors do you create, and on which device do they live?"
_NO_OTHER = "Which library does your code use besides NumPy? Write its formula instead."
_BY_HAND = "Which of PyTorch's functions do you call? Write their formula instead."


def check_torch(
    q: QuestionBuilder,
    draw: Callable[[np.random.Generator], Call | Gradient],
    *,
    by_hand: str = "",
    points: float | None = None,
) -> None:
    """Declare a hidden check with ``device(...)``, and one with ``ops(...)`` where the question forbids something.

    Args:
        q: a question of kind "torch".
        draw: makes an ordinary probe, whose answer has to be right in both.
        by_hand: title of the second check, such as "built from exp and sum".
        points: of the second check; about half of the question's, so that the library call alone does not pay.
    """
    q.check("runs unchanged on an accelerator", hint=_ANYWHERE)(lambda rng: device(draw(rng)))
    if q.forbids:
        q.check(by_hand, points=points, hint=_BY_HAND)(lambda rng: ops(draw(rng)))


def check_numpy_alone(*without: QuestionBuilder) -> None:
    """Declare for each NumPy question so far a hidden check that no other library computes the answer.

    The last call of a question's first check is watched, with inputs of its own. A question whose first check makes no
    plain call (a script, a value) gets none, and neither does one that forbids something already.

    Args:
        without: questions that may use other libraries.
    """
    for q in declared():
        if (
            q.kind == "np"
            and not q.forbids
            and q not in without
            and isinstance(_last(q, np.random.default_rng(0)), Call | Steps)
        ):
            q.forbids = NUMPY_ONLY
            q.check("NumPy alone computes the answer", hint=_NO_OTHER)(_watched(q))


def _watched(q: QuestionBuilder) -> Draw:
    return lambda rng: ops(_last(q, rng))  # type: ignore[arg-type]  # its kind does not depend on the generator


def _last(q: QuestionBuilder, rng: np.random.Generator) -> Probe:
    drawn = q.checks[0][0].draw(rng)
    return drawn[-1] if isinstance(drawn, Sequence) else drawn
