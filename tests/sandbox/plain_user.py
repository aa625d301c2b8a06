"""Run a command as an ordinary user, also from root: `python plain_user.py plain COMMAND...`.

With `root` for `plain` the command stays root, but finds the same passable directories: jobs of
root run as another user.

As root, the command gets an unused uid and no rights. Interpreter, packages and this repository
often lie below a directory that only root may pass (a home of mode 0700). So in a mount namespace
of its own, which nobody else sees, each such directory is covered by an empty passable one, and
what is needed is shown there again at its own path. Not root: the command is run as it is.
"""

# Mounts and descriptors: the calls of os say exactly what happens.
# ruff: noqa: PTH103, PTH116

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from autograder.sandbox import jail, namespaces

ROOT = Path(__file__).resolve().parents[2]


def parents(path: str) -> Iterator[str]:
    """The directories above `path`, outermost first."""
    yield from (str(parent) for parent in reversed(Path(path).parents))


def closed_parents(needed: Iterable[str]) -> dict[str, list[str]]:
    """Directories that others may not pass -> the needed paths below, each under its outermost closed one."""
    closed: dict[str, list[str]] = {}
    for path in namespaces.outermost(map(os.path.realpath, needed)):
        for parent in parents(path):
            if not os.stat(parent).st_mode & stat.S_IXOTH:
                closed.setdefault(parent, []).append(path)
                break
    return closed


def open_up(closed: dict[str, list[str]]) -> None:
    """Cover each closed directory and show the needed paths in it. The caller is root, in its own mount namespace."""
    os.umask(0o022)
    for parent, paths in closed.items():
        # A descriptor still leads to the directory after it has been covered.
        handles = {path: os.open(path, os.O_PATH) for path in paths}
        namespaces.mount("tmpfs", parent, "tmpfs", 0, "mode=755")
        for path, handle in handles.items():
            os.makedirs(path)
            namespaces.bind(f"/proc/self/fd/{handle}", path, 0)
            os.close(handle)


def pass_closed_parents() -> None:
    """Make interpreter, packages and repository reachable for every user, in this process and what it starts."""
    closed = closed_parents([sys.prefix, sys.base_prefix, str(ROOT)])
    if closed:
        namespaces.private_mounts()
        open_up(closed)


if __name__ == "__main__":
    kind, *command = sys.argv[1:]
    if os.geteuid() == 0:
        pass_closed_parents()
        if kind == "plain":
            jail.change_uid(jail.unused_uid(os.getpid()))
    os.execv(command[0], command)
