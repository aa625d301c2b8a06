"""Assignments of other formats, turned into one of this course as far as that is possible.

`otter` and `nbgrader` read a notebook into the parts of `parts`; `tests` looks for the calls in a test cell;
`write` makes master and checks of them. Whatever has no counterpart is listed, with its cell and the reason.
"""
