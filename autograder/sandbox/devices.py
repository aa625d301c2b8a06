"""Where do torch questions run: which devices has this machine, and what must a job be able to do to reach one?

Nothing here touches a device in this process: one that has cannot be forked from, so a process that is thrown away
answers. No job of the CPU gets anything of what is listed here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from autograder.errors import UsageError

CPU = "cpu"
#: Of the memory of a device, for all jobs together; the rest is for their contexts, and for whoever else is there.
_MEMORY_SHARE = 0.8
#: Longer than the import of torch and the start of a driver take on a busy machine.
_QUESTION_S = 120.0
_QUESTION = """
import json
try:
    import torch
except ImportError:
    print(json.dumps(None))
else:
    found = []
    if torch.cuda.is_available():
        found += [[f"cuda:{i}", torch.cuda.get_device_name(i)] for i in range(torch.cuda.device_count())]
    mps = getattr(torch.backends, "mps", None)
    if mps is not None and mps.is_available():
        found.append(["mps", "untested"])
    print(json.dumps(found))
"""


@dataclass(frozen=True)
class Device:
    """A device by torch's name for it, and what it is."""

    name: str
    title: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.title})" if self.title else self.name


@cache
def found() -> tuple[Device, ...]:
    """The devices of this machine, the CPU first; only the CPU where there is no torch.

    Raises:
        UsageError: torch does not start.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", _QUESTION], capture_output=True, text=True, timeout=_QUESTION_S, check=True
        )
        answer = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UsageError(f"The devices of this machine are unknown: torch does not start ({error}).") from error
    return (Device(CPU), *(Device(name, title) for name, title in answer or ()))


def chosen(wanted: str) -> tuple[str, ...]:
    """The devices that a choice stands for.

    Args:
        wanted: "cpu"; "cuda", the first GPU; "cuda:1"; "mps"; or "all", the CPU and the first GPU.

    Returns:
        Names as torch knows them; ("cpu",) for "all" where there is no GPU.

    Raises:
        UsageError: this machine has no such device; the message names those it has.
    """
    if wanted == CPU:
        return (CPU,)
    known = found()
    if wanted == "all":
        return (CPU, *[device.name for device in known if device.name == "cuda:0"])
    name = "cuda:0" if wanted == "cuda" else wanted
    if name not in {device.name for device in known}:
        here = ", ".join(map(str, known))
        raise UsageError(
            f"There is no device {wanted!r} here; there are: {here}. `all` takes the CPU and the first GPU."
        )
    return (name,)


def require(name: str) -> None:
    """Make sure that this machine has a device.

    Raises:
        UsageError: it has not.
    """
    chosen(name)


def described(names: Sequence[str]) -> str:
    """The devices of these names, each with what it is: marks may depend on that."""
    known = {} if tuple(names) == (CPU,) else {device.name: str(device) for device in found()}
    return ", ".join(known.get(name, name) for name in names)


def named_in(description: str) -> tuple[str, ...]:
    """The names that `described` put into words."""
    return tuple(re.findall(r"(?:^|, )([a-z]+(?::\d+)?)(?= \(|,|$)", description))


@dataclass(frozen=True)
class Reach:
    """What a job may do for its device, beyond what every job may.

    Attributes:
        local: the name of the device in a job, which sees no other.
        files: device files that it may open and give any command (ioctl).
        environment: variables of the zygote.
        libraries: of the driver.
        proc: whether it needs a proc file system; it gets one that shows only itself.
        memory_share: how much of the memory of the device it may take. The allocator of torch keeps to that, code that
            goes around it need not.
        start_s, start_mib: what its context may take of a processor and of the host's memory; no part of the limits.
        warnings: what is weaker for that, in sentences.
    """

    local: str = CPU
    files: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    libraries: tuple[str, ...] = ()
    proc: bool = False
    memory_share: float = 1.0
    start_s: float = 0.0
    start_mib: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def is_accelerator(self) -> bool:
        """Whether there is a device that can fail, run out of memory and be lost."""
        return self.local != CPU

    def to_document(self) -> dict[str, Any]:
        """As plain data, for the process that jobs are forked from."""
        return asdict(self)

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> Reach:
        """The reverse of `to_document`."""
        tuples = {name: tuple(document[name]) for name in ("files", "libraries", "warnings")}
        return cls(**document | tuples)


def reach(device: str, jobs_at_once: int = 1) -> Reach:
    """What a job needs to use a device that it shares with others."""
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return Reach(device)
    return Reach(
        "cuda:0",
        tuple(_device_files("nvidia*", "nvidia-caps/*")),
        # The first counts within what the operator has set; without room for its sums cuBLAS is not deterministic.
        {"CUDA_VISIBLE_DEVICES": _visible(int(number or 0)), "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
        | {name: os.environ[name] for name in ("CUDA_DEVICE_ORDER",) if name in os.environ},
        libraries=("libcuda.so.1",),
        proc=True,
        memory_share=_MEMORY_SHARE / jobs_at_once,
        start_s=20.0,
        start_mib=1024,
        warnings=(
            f"{device}: jobs on it may give the graphics driver every command, see a proc of their own, and have no "
            "limit of address space.",
        ),
    )


def _visible(number: int) -> str:
    """The CUDA device of this number by the name that the operator's own choice of devices gives it."""
    names = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return names[number] if number < len(names) else str(number)


def _device_files(*patterns: str) -> Sequence[str]:
    return sorted(str(path) for pattern in patterns for path in Path("/dev").glob(pattern) if path.is_char_device())
