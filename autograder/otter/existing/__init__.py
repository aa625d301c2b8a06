"""Assignments that were made for stock otter-grader, graded in the sandbox.

In the order in which one submission passes through: `archive` (what the autograder.zip holds), `handed_in` (what lies
beside the notebook), `examiner` (one submission in, one mark out), `relay` (between two jobs), `referee` (the job of
the tests), `objects` (objects of one job used in another; `stand_in`, `carried` and `raised` are its parts) and
`test_file` (Otter's formats).
"""
