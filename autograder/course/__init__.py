"""What is asked: the calls with which an author writes ``checks.py``."""

from autograder.course.accelerator import device
from autograder.course.elementwise import check_elementwise, declare_variants
from autograder.course.model import Tolerance, question
from autograder.course.observe import NUMPY_ONLY, Forbids, lines, ops
from autograder.course.probes import (
    Result,
    call,
    call_twice,
    do,
    epochs,
    gradient,
    module,
    on_module,
    put,
    script,
    steps,
    value,
)
from autograder.course.reduced import Far, check_reduced
from autograder.course.stepped import check_optimizer, declare_optimizers
from autograder.course.values import Code, Generator, parameter, tensor
from autograder.course.watched import check_numpy_alone, check_torch

__all__ = [
    "NUMPY_ONLY",
    "Code",
    "Far",
    "Forbids",
    "Generator",
    "Result",
    "Tolerance",
    "call",
    "call_twice",
    "check_elementwise",
    "check_numpy_alone",
    "check_optimizer",
    "check_reduced",
    "check_torch",
    "declare_optimizers",
    "declare_variants",
    "device",
    "do",
    "epochs",
    "gradient",
    "lines",
    "module",
    "on_module",
    "ops",
    "parameter",
    "put",
    "question",
    "script",
    "steps",
    "tensor",
    "value",
]
