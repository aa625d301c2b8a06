"""The checks that every torch question shares: it runs on any device, and does without what it forbids."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autograder.course.accelerator import device
from autograder.course.model import QuestionBuilder
from autograder.course.observe import ops
from autograder.course.probes import Call, Gradient

_ANYWHERE = "Which tensors do you create, and on which device do they live?"
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
