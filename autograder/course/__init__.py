"""What is asked: the calls with which an author writes ``checks.py``."""

from autograder.course.model import Tolerance, question
from autograder.course.probes import call, call_twice, do, gradient, module, steps, value
from autograder.course.values import Code, Generator, tensor

__all__ = [
    "Code",
    "Generator",
    "Tolerance",
    "call",
    "call_twice",
    "do",
    "gradient",
    "module",
    "question",
    "steps",
    "tensor",
    "value",
]
