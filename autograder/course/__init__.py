"""What is asked: the calls with which an author writes ``checks.py``."""

from autograder.course.elementwise import check_elementwise, declare_variants
from autograder.course.model import Tolerance, question
from autograder.course.probes import call, call_twice, do, epochs, gradient, module, on_module, script, steps, value
from autograder.course.reduced import Far, check_reduced
from autograder.course.values import Code, Generator, tensor

__all__ = [
    "Code",
    "Far",
    "Generator",
    "Tolerance",
    "call",
    "call_twice",
    "check_elementwise",
    "check_reduced",
    "declare_variants",
    "do",
    "epochs",
    "gradient",
    "module",
    "on_module",
    "question",
    "script",
    "steps",
    "tensor",
    "value",
]
