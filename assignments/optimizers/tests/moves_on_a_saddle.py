"""Public checks of moves_on_a_saddle; run them with grader.check("moves_on_a_saddle")."""

from typing import Any

from otter.test_files import test_case

OK_FORMAT = False

name = "moves_on_a_saddle"
points = [0]


def _defined(name: str, value: Any) -> None:
    """Fail with a clear sentence where the notebook has no answer yet."""
    if value is None:
        raise AssertionError(f"{name} is not defined. Run the cell that defines it.")
    if value is ...:
        raise AssertionError(f"{name} is still `...`. Replace it by your answer.")


@test_case(
    name='moves_on_a_saddle has an answer',
    points=0,
    hidden=False,
    success_message='It is there. Whether it is right is checked after you hand in.',
    failure_message=None,
)
def check_1(moves_on_a_saddle):
    _defined("moves_on_a_saddle", moves_on_a_saddle)
