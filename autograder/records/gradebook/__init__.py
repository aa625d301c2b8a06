"""Where marks are kept for good; see `autograder.records.gradebook.book`."""

from autograder.records.gradebook.book import Adjustment, Attempt, Gradebook, RunRecord
from autograder.records.gradebook.run import RunBook

__all__ = ["Adjustment", "Attempt", "Gradebook", "RunBook", "RunRecord"]
