"""What is asked: the calls with which an author writes ``checks.py``."""

from autograder.course.accelerator import device
from autograder.course.elementwise import check_elementwise, declare_variants
from autograder.course.model import Tolerance, question
from autograder.course.observe import NUMPY_ONLY, Forbids, lines, ops
from autograder.course.probes import call, call_twice, do, gradient, module, steps, value
from autograder.course.reduced import Far, check_reduced
from autograder.course.values import Code, Generator, tensor
from autograder.course.watched import check_torch

__all__ = [
    "NUMPY_ONLY",
    "Code",
    "Far",
    "Forbids",
    "Generator",
    "Tolerance",
    "call",
    "call_twice",
    "check_elementwise",
    "check_reduced",
    "check_torch",
    "declare_variants",
    "device",
    "do",
    "gradient",
    "lines",
    "module",
    "ops",
    "question",
    "steps",
    "tensor",
    "value",
]
