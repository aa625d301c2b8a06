"""Archives for Gradescope and otter-grader: the same checks and the same marks wherever an assignment is graded."""
