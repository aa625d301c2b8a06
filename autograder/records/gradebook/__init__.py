"""Where marks are kept for good; see `autograder.records.gradebook.book`."""

from autograder.records.gradebook.book import Adjustment, Attempt, Gradebook, RunBook, RunRecord

__all__ = ["Adjustment", "Attempt", "Gradebook", "RunBook", "RunRecord"]
