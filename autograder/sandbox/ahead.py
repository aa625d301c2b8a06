"""What can begin before it is known what there is to grade: trying the layers, and loading what every job needs.

Loading torch alone takes longer than all the rest of grading one notebook. The next sandbox takes what was begun here,
if it suits.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.sandbox.layers import probe_ahead
from autograder.sandbox.warm import ALWAYS, ENVIRONMENT

#: For so few jobs a zygote is not worth being put in order, and loads only what their texts name.
FEW = 10


@dataclass(frozen=True)
class Begun:
    """A zygote's process, which loads modules and then waits for its configuration."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    environment: Mapping[str, str]

    def close(self) -> None:
        """End it."""
        self.control.close()
        self.process.kill()
        self.process.wait()


_begun: list[Begun] = []


def begin_ahead(paths: Iterable[Path]) -> None:
    """Begin with what grading these paths will need.

    What is begun may end with the thread that calls this. It is for few notebooks: many are worth a zygote that is in
    order from its first import on.
    """
    probe_ahead()
    if can_fork() and not _begun and _are_few(paths):
        _begun.append(begin(clean_environment(), ALWAYS))
        atexit.register(_end_unused)


def _are_few(paths: Iterable[Path]) -> bool:
    """Whether there can be no more than a few notebooks; an archive may hold any number."""
    return sum(_room(path) for path in paths) <= FEW


def _room(path: Path) -> int:
    try:
        return sum(1 for _ in path.iterdir()) if path.is_dir() else 1 if path.suffix == ".ipynb" else FEW + 1
    except OSError:  # it will be told when it is read
        return FEW + 1


def take(environment: Mapping[str, str]) -> Begun | None:
    """The process that was begun ahead, for whoever needs just this environment; it is given out once."""
    return _begun.pop() if _begun and _begun[0].environment == environment else None


def begin(environment: Mapping[str, str], modules: Sequence[str] = ()) -> Begun:
    """Start the process of a zygote, which loads these modules before it is told anything."""
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-s", "-m", "autograder.sandbox.zygote", str(theirs.fileno()), *modules],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            cwd="/",
            start_new_session=True,  # Ctrl-C reaches the grader, which then ends its zygote itself
        )
    return Begun(process, control, environment)


def can_fork() -> bool:
    """Whether this platform can hold jobs that are forked."""
    return hasattr(socket, "send_fds") and sys.platform.startswith("linux")


def clean_environment() -> dict[str, str]:
    """What a zygote needs to find its interpreter and packages, and nothing that a job could learn from."""
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT", "HOME")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    package = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, environment.get("PYTHONPATH", "")]))
    return environment | ENVIRONMENT


def _end_unused() -> None:
    while _begun:
        _begun.pop().close()
