"""How much one submission may use.

The numbers are chosen by the operator and stored with each mark; the kernel enforces what it can
(`apply_rlimits`), the grader and the zygote enforce the rest (wall clock, bytes received).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from autograder.errors import UsageError
from autograder.messages import say

#: Exit code of a job that had no memory left even to say so.
OUT_OF_MEMORY_EXIT = 137
MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Limits of one job, with the unit in each name.

    Attributes:
        step_s: CPU seconds of one notebook cell or one question; twice as many on the clock.
        submission_s: CPU seconds of the whole submission over all its jobs; twice as many on the clock.
        memory_mib: address space of a job beyond that of the zygote it was forked from, MiB.
        scratch_mib: all files of a job together, MiB.
        output_kib: text kept of each cell, KiB; more is counted and dropped.
        channel_mib: bytes a job may send in all (frames and plain output), MiB.
        open_files: file descriptors of a job.
        processes: threads (and processes) of a job.
    """

    step_s: float = 10.0
    submission_s: float = 60.0
    memory_mib: int = 1024
    scratch_mib: int = 64
    output_kib: int = 64
    channel_mib: int = 64
    open_files: int = 256
    processes: int = 64

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise UsageError(f"limit {field.name} = {value!r} must be a number.")
            if not math.isfinite(value) or value <= 0:
                raise UsageError(f"limit {field.name} = {value!r} must be finite and above 0.")
            # Counts reach the kernel as integers: 0.5 would silently become "nothing allowed".
            if not field.name.endswith("_s") and value != int(value):
                raise UsageError(f"limit {field.name} = {value!r} must be a whole number.")
        if self.step_s > self.submission_s:
            raise UsageError(
                f"limit step_s = {self.step_s} is above submission_s = {self.submission_s}, so no "
                "step could use it up. Lower step_s or raise submission_s."
            )
        # Below this, the worker itself cannot open its channel, its cell sources and a library
        # file.
        if self.open_files < MIN_OPEN_FILES:
            raise UsageError(f"limit open_files = {self.open_files} must be at least {MIN_OPEN_FILES}.")

    def as_dict(self) -> dict[str, float]:
        """The limits as plain data for the provenance of a mark."""
        return asdict(self)


MIN_OPEN_FILES = 16

#: How Python, NumPy and torch say that an allocation failed.
_OUT_OF_MEMORY = re.compile(r"([\w.]+\.)?_?(Array)?MemoryError\b|RuntimeError: .{0,300}allocate memory")
#: The same of an accelerator, and how torch says that it is of no more use to this process.
_DEVICE_OUT_OF_MEMORY = re.compile(r"([\w.]+\.)?(OutOfMemory|Runtime)Error: (CUDA|MPS)\b.{0,20} out of memory")
_LOST_DEVICE = re.compile(r"([\w.]+\.)?(Accelerator|Runtime)Error: (CUDA error|CUDNN_STATUS|CUBLAS_STATUS|cuDNN error)")
#: How the other limits of the kernel look to student code, and the key of what is said of them.
_SPENT = (
    (re.compile(r"OSError: \[Errno 28\]"), "files"),
    (re.compile(r"OSError: \[Errno 27\]"), "file"),
    (
        re.compile(r"RuntimeError: can't start new thread"),
        "threads",
    ),
)


def is_out_of_memory(message: str) -> bool:
    """Whether an exception, as "TypeName: message", stands for an allocation that failed."""
    return _OUT_OF_MEMORY.match(message[:1000]) is not None


def is_device_out_of_memory(message: str) -> bool:
    """The same of the memory of an accelerator."""
    return _DEVICE_OUT_OF_MEMORY.match(message[:1000]) is not None


def is_device_lost(message: str) -> bool:
    """Whether an exception says that the accelerator of its process can no longer be used: an assertion there, say."""
    return _LOST_DEVICE.match(message[:1000]) is not None


def limit_behind(message: str, limits: Limits) -> str | None:
    """What is said of a limit that reached student code as an exception, None where none did; memory is not meant.

    Args:
        message: the exception, as "TypeName: message".
        limits: whose numbers are told.

    Returns:
        A sentence without its subject ("wrote more than 64 MiB to one file").
    """
    key = next((key for pattern, key in _SPENT if pattern.match(message)), None)
    return None if key is None else say(f"ended.{key}", **limits.as_dict())


def rlimits(limits: Limits, vm_size_bytes: int, cpu_s: float, *, count_processes: bool = True) -> Mapping[str, int]:
    """The kernel limits of one job, by the name of their constant in `resource`.

    Args:
        limits: what the operator chose.
        vm_size_bytes: address space of the zygote at the fork; 0 leaves the address space free
            (needed for CUDA).
        cpu_s: CPU seconds the job may still use, all threads together.
        count_processes: whether the job's uid has no other process, so that a process count means
            this job alone.
    """
    wanted = {
        # A pid-1 job ignores SIGXCPU of the soft limit; the hard limit kills. So both are the same
        # number.
        "RLIMIT_CPU": max(1, math.ceil(cpu_s)),
        # Per file; the scratch file system limits the sum.
        "RLIMIT_FSIZE": limits.scratch_mib * MIB,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
    }
    if vm_size_bytes:
        wanted["RLIMIT_AS"] = vm_size_bytes + limits.memory_mib * MIB
    if count_processes:
        wanted["RLIMIT_NPROC"] = limits.processes
    return wanted


def apply_rlimits(limits: Limits, vm_size_bytes: int, cpu_s: float, *, count_processes: bool = True) -> None:
    """Set the kernel limits of the calling process, soft = hard, never above a hard limit it already has.

    Takes the arguments of `rlimits`. Raises OSError when the kernel refuses one.
    """
    import resource  # not on Windows

    for name, value in rlimits(limits, vm_size_bytes, cpu_s, count_processes=count_processes).items():
        kind = getattr(resource, name, None)
        if kind is None:  # MSGQUEUE exists on Linux only
            continue
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(kind, (value, value))
