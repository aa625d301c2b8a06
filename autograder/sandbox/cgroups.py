"""Control groups: the kernel itself counts the memory of one worker slot, where the host lets us make one.

Both versions: v1 (memory and pids hierarchies) and v2. A group lies below the grader's own, so
limits set on the grader by the host keep counting; on v2 it may lie beside it, because a v2 group
that holds processes cannot have limited children.
"""

# The kernel takes and gives paths as strings.
# ruff: noqa: PTH102, PTH106, PTH110, PTH116, PTH118, PTH120, PTH123, PTH208

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autograder.sandbox.namespaces import inside, unescape


@dataclass(frozen=True)
class SlotGroup:
    """One control group, made by `create`; `memory` and `pids` are its directories (one on v2; pids may lack)."""

    version: int
    memory: str
    pids: str | None

    def limit(self, memory_bytes: int, processes: int) -> None:
        """Set the limits: pages touched from now on by the group's processes, and how many threads they may be."""
        if self.version == 2:
            _write(self.memory, "memory.max", memory_bytes)
            # Without this the limit moves pages to swap instead of ending the job.
            _write(self.memory, "memory.swap.max", 0, optional=True)
        else:
            _write(self.memory, "memory.limit_in_bytes", memory_bytes)
            _write(self.memory, "memory.memsw.limit_in_bytes", memory_bytes, optional=True)
        if self.pids is not None:
            _write(self.pids, "pids.max", processes)

    def add(self, pid: int) -> None:
        """Move a process (all its threads), named by its pid in the caller's pid namespace, into the group."""
        for directory in self._directories():
            _write(directory, "cgroup.procs", pid)

    def out_of_memory_kills(self) -> int:
        """How many processes of the group the kernel has killed for memory."""
        file = "memory.events" if self.version == 2 else "memory.oom_control"
        with open(os.path.join(self.memory, file), encoding="ascii") as lines:
            counts = dict(line.split() for line in lines)
        return int(counts.get("oom_kill", 0))

    def remove(self, patience_s: float = 0.0) -> None:
        """Remove the group, or as much of it as can be.

        Raises OSError: EBUSY if one of its processes outlives our patience.
        """
        deadline = time.monotonic() + patience_s
        failure: OSError | None = None
        for directory in self._directories():
            try:
                _remove_directory(directory, deadline)
            except OSError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def _directories(self) -> Iterator[str]:
        yield self.memory
        if self.pids is not None and self.pids != self.memory:
            yield self.pids


def new_name() -> str:
    """A name that no other group has, and from which `sweep` can tell whose it is."""
    return f"autograder-{os.getpid()}-{_pid_namespace()}-{secrets.token_hex(4)}"


def sweep() -> None:
    """Remove the groups of graders that are gone; one that is killed removes none."""
    ours = re.compile(rf"autograder-([0-9]+)-{_pid_namespace()}-[0-9a-f]+")
    own = own_directories("")
    for parent in {*own_directories("memory"), *own_directories("pids"), *own, *map(os.path.dirname, own)}:
        with contextlib.suppress(OSError):  # another one may sweep as well
            for name in os.listdir(parent):
                found = ours.fullmatch(name)
                if found and not os.path.exists(f"/proc/{found[1]}"):
                    with contextlib.suppress(OSError):  # its last process may not have ended yet
                        os.rmdir(os.path.join(parent, name))


def _pid_namespace() -> int:
    """In which namespace our pids mean something: containers may share a hierarchy."""
    return os.stat("/proc/self/ns/pid").st_ino


def _remove_directory(directory: str, deadline: float) -> None:
    while True:
        try:
            return os.rmdir(directory)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.001)  # nothing tells when a group is empty


def create(name: str) -> SlotGroup:
    """Make the group `name`, unlimited so far. Raises OSError, with the reason, where the host does not allow it."""
    memory = own_directories("memory")
    if memory:
        return SlotGroup(1, _make(memory, name), _make_if_possible(own_directories("pids"), name))
    own = own_directories("")
    if not own:
        raise OSError(errno.ENOENT, "no control group file system is mounted")
    parents = [parent for parent in (own[0], os.path.dirname(own[0])) if _hands_down_memory(parent)]
    if not parents:
        raise OSError(errno.EPERM, f"the memory controller is not delegated to {own[0]} or its parent")
    group = _make(parents, name)
    return SlotGroup(2, group, group if os.path.exists(f"{group}/pids.max") else None)


def own_directories(controller: str) -> list[str]:
    """The directory of the caller's own group in the v1 hierarchy of `controller` ("" for v2), or nothing."""
    with open("/proc/self/cgroup", encoding="utf-8") as lines:
        paths = {
            part: path
            for _, parts, path in (line.rstrip("\n").split(":", 2) for line in lines)
            for part in parts.split(",")
        }
    own = paths.get(controller)
    if own is None:
        return []
    return [
        os.path.normpath(point + "/" + os.path.relpath(own, root))
        for point, root in _mounts(controller)
        # In a container the mount may show a part of the hierarchy only.
        if inside(own, root)
    ]


def _mounts(controller: str) -> Iterator[tuple[str, str]]:
    """Mount point and root of each mount of a hierarchy. See proc_pid_mountinfo(5)."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            fields, _, rest = line.partition(" - ")
            kind, _, options = rest.split(" ", 2)
            root, point = fields.split(" ")[3:5]
            if (kind == "cgroup2" and not controller) or (
                kind == "cgroup" and controller and controller in options.strip().split(",")
            ):
                yield unescape(point), unescape(root)


def _hands_down_memory(parent: str) -> bool:
    """Whether children of a v2 group get the memory controller; switches it on if we may."""
    try:
        with open(f"{parent}/cgroup.subtree_control", encoding="ascii") as stream:
            if "memory" in stream.read().split():
                return True
        _write(parent, "cgroup.subtree_control", "+memory +pids")
    except OSError:  # not ours, or it holds processes
        return False
    return True


def _make(parents: Sequence[str], name: str) -> str:
    """Make a directory `name` in the first parent that allows it."""
    for position, parent in enumerate(parents):
        path = os.path.join(parent, name)
        try:
            os.mkdir(path)
        except OSError:
            if position == len(parents) - 1:
                raise
        else:
            return path
    raise OSError(errno.ENOENT, "no parent group")


def _make_if_possible(parents: Sequence[str], name: str) -> str | None:
    try:
        return _make(parents, name)
    except OSError:
        return None


def _write(directory: str, file: str, value: int | str, *, optional: bool = False) -> None:
    path = os.path.join(directory, file)
    if optional and not os.path.exists(path):
        return
    with open(path, "w", encoding="ascii") as stream:
        stream.write(str(value))
