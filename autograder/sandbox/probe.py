"""Whether each sandbox layer bites on this host: a program run by `layers.probe_layers`, which prints JSON.

One function per layer. Each runs in a forked child, applies its layer by the same code as a job
does, then tries what the layer should stop. It returns a detail worth reporting, or raises: OSError
or UnavailableError if the host refuses the layer, ToothlessError if it has no effect.
"""

# Links, descriptors and mounts: the calls of os say exactly what happens.
# ruff: noqa: PTH102, PTH112, PTH115, PTH116, PTH118, PTH120, PTH123, PTH208

from __future__ import annotations

import errno
import json
import os
import resource
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NoReturn

from autograder.sandbox import cgroups, jail, landlock, libc, namespaces, seccomp
from autograder.sandbox.layers import LAYERS
from autograder.sandbox.limits import MIB, Limits, apply_rlimits

# Generous: a child that needs longer hangs.
_CHILD_TIMEOUT_S = 20.0

_PR_GET_DUMPABLE = 3


class UnavailableError(Exception):
    """The layer cannot be used here, or is not needed; says why."""


class ToothlessError(Exception):
    """The layer was applied without an error, but what it should stop still works."""


@dataclass(frozen=True)
class Ground:
    """Where a probe stands.

    May this process make namespaces itself, or through a user namespace; a directory; a secret in it.
    """

    privileged: bool
    user_namespaces: bool
    directory: str

    @property
    def secret(self) -> str:
        """A file that no probed child may read."""
        return os.path.join(self.directory, "secret")


@contextmanager
def _refused(what: str, *codes: int) -> Iterator[None]:
    """The block must fail with one of the errno `codes`."""
    try:
        yield
    except OSError as error:
        if error.errno in codes:
            return
        raise ToothlessError(f"{what}: unexpected answer {error}") from error
    raise ToothlessError(f"{what} is still possible")


def _gain_rights(ground: Ground) -> None:
    """Get the right to make namespaces, the way the zygote will."""
    if not ground.privileged:
        if not ground.user_namespaces:
            raise UnavailableError("needs root or a user namespace")
        namespaces.enter_user_namespace()


def _user_namespace(ground: Ground) -> str:
    if ground.privileged:
        raise UnavailableError("not needed: this process may make namespaces itself")
    uid = os.geteuid()
    namespaces.enter_user_namespace()
    with open("/proc/self/uid_map", encoding="ascii") as stream:
        if stream.read().split() != ["0", str(uid), "1"]:
            raise ToothlessError("the new user namespace knows other users")
    # Some hosts allow the namespace, but nothing in it.
    namespaces.private_mounts()
    namespaces.mount("tmpfs", ground.directory, "tmpfs")
    return ""


def _pid_namespace(ground: Ground) -> str:
    _gain_rights(ground)
    outside = os.getpid()
    namespaces.unshare(namespaces.CLONE_NEWPID)
    zygote = os.fork()
    if zygote == 0:
        _finish(lambda: _two_jobs(outside))
    return _wait(zygote)


def _two_jobs(outside: int) -> None:
    """As pid 1 of a new namespace: fork two jobs, each in a namespace of its own."""
    own = namespaces.open_pid_namespace()
    for _ in range(2):
        job = namespaces.fork_in_pid_namespace(own)
        if job == 0:
            _finish(lambda: _sees_nobody(outside))
        _wait(job)


def _sees_nobody(outside: int) -> None:
    if os.getpid() != 1:
        raise ToothlessError("a job is not pid 1")
    with _refused("signalling a process outside", errno.ESRCH):
        os.kill(outside, 0)


def _network_namespace(ground: Ground) -> str:
    with _listener() as address:
        _gain_rights(ground)
        namespaces.unshare(namespaces.CLONE_NEWNET)
        with (
            _refused("a connection", errno.ENETUNREACH, errno.ECONNREFUSED),
            socket.socket() as client,
        ):
            client.connect(address)
    return ""


def _ipc_namespace(ground: Ground) -> str:
    private, create, remove = 0, 0o1000, 0
    segment = libc.call("shmget", private, 4096, create | 0o600)
    libc.call("shmat", segment, None, 0)
    # Marked as removed, it lives until this child ends, whatever happens.
    libc.call("shmctl", segment, remove, None)
    _gain_rights(ground)
    namespaces.unshare(namespaces.CLONE_NEWIPC)
    with _refused("shared memory of others", errno.EINVAL, errno.EIDRM):
        libc.call("shmat", segment, None, 0)
    return ""


def _uts_namespace(ground: Ground) -> str:
    _gain_rights(ground)
    before = os.readlink("/proc/self/ns/uts")
    namespaces.unshare(namespaces.CLONE_NEWUTS)
    # Before renaming anything: without the layer, this would rename the host itself.
    if os.readlink("/proc/self/ns/uts") == before:
        raise ToothlessError("the host name is still shared")
    socket.sethostname(jail.HOST_NAME)
    return ""


def _read_only_root(ground: Ground) -> str:
    _gain_rights(ground)
    namespaces.private_mounts()
    tree = os.path.dirname(os.__file__)
    namespaces.read_only_root([tree], scratch=jail.SCRATCH)
    with _refused("finding a file outside", errno.ENOENT):
        os.stat(ground.secret)
    with _refused("writing into a library", errno.EROFS):
        os.open(os.path.join(tree, "autograder-probe"), os.O_CREAT | os.O_WRONLY, 0o600)
    with _refused("writing into the root", errno.EROFS):
        os.mkdir("/autograder-probe")
    if os.listdir("/proc" if os.path.isdir("/proc") else jail.SCRATCH):
        raise ToothlessError("the new root is not empty")
    with open("/dev/null", "wb") as stream:
        stream.write(b"x")
    return ""


def _undumpable(ground: Ground) -> str:
    jail.hide_memory()
    if libc.prctl(_PR_GET_DUMPABLE) != 0:
        raise ToothlessError("memory is still readable")
    if os.geteuid() != 0:  # root may read every memory
        victim, child = os.getpid(), os.fork()
        if child == 0:
            _finish(lambda: _cannot_read(victim))
        _wait(child)
    return ""


def _cannot_read(pid: int) -> None:
    with _refused("reading the memory of a process of the same user", errno.EACCES, errno.EPERM):
        os.open(f"/proc/{pid}/mem", os.O_RDONLY)


def _session(ground: Ground) -> str:
    os.setsid()
    with _refused("opening the terminal", errno.ENXIO, errno.ENOENT, errno.EACCES):
        os.open("/dev/tty", os.O_RDWR)
    return ""


def _close_descriptors(ground: Ground) -> str:
    low, high = os.open("/dev/null", os.O_RDONLY), os.open("/dev/null", os.O_RDONLY)
    kept = os.open("/dev/null", os.O_RDONLY)
    jail.close_others({0, 1, 2, _report_fd, kept})
    os.fstat(kept)
    for fd in (low, high):
        with _refused("using an inherited descriptor", errno.EBADF):
            os.fstat(fd)
    return ""


def _scratch_quota(ground: Ground) -> str:
    _gain_rights(ground)
    namespaces.mount_scratch(ground.directory, MIB, 16)
    with _refused("filling the disk", errno.ENOSPC):
        for number in range(3):
            with open(os.path.join(ground.directory, str(number)), "wb", buffering=0) as stream:
                # A write that finds some room left succeeds in part.
                while stream.tell() < MIB // 2:
                    stream.write(bytes(MIB // 2 - stream.tell()))
    with _refused("making any number of files", errno.ENOSPC):
        for number in range(100, 117):
            os.mkdir(os.path.join(ground.directory, str(number)))
    return ""


def _rlimits(ground: Ground) -> str:
    with open("/proc/self/statm", encoding="ascii") as stream:
        vm_size_bytes = int(stream.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limits = Limits(memory_mib=64, scratch_mib=1, open_files=32)
    apply_rlimits(limits, vm_size_bytes, cpu_s=5.0, count_processes=False)
    try:
        bytearray(128 * MIB)
    except MemoryError:
        pass
    else:
        raise ToothlessError("memory is not limited")
    with _refused("opening any number of files", errno.EMFILE):
        for _ in range(limits.open_files + 1):
            os.open("/dev/null", os.O_RDONLY)
    if resource.getrlimit(resource.RLIMIT_CPU) != (5, 5):
        raise ToothlessError("processor time is not limited")
    return ""


def _separate_uid(ground: Ground) -> str:
    if not ground.privileged and ground.user_namespaces:
        raise UnavailableError("the user namespace knows one user only")
    jail.change_uid(jail.unused_uid(os.getpid()))
    with _refused("reading a file of the operator", errno.EACCES):
        os.open(ground.secret, os.O_RDONLY)
    with _refused("becoming root again", errno.EPERM):
        os.setresuid(0, 0, 0)
    return ""


def _parent_death_signal(ground: Ground) -> str:
    """A zygote forks a job and dies; the job must go with it.

    The job holds the write end of a pipe as long as it lives.
    """
    alive, job_holds = os.pipe()
    ready, job_ready = os.pipe()
    zygote = os.fork()
    if zygote == 0:
        os.close(alive)
        if os.fork() == 0:
            libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.write(job_ready, b"x")
            signal.alarm(5)  # should the layer fail, this child must not stay
            signal.pause()
            os._exit(0)
        os.read(ready, 1)
        os._exit(0)
    os.close(job_holds)
    os.waitpid(zygote, 0)
    if not select.select([alive], [], [], 3.0)[0]:
        raise ToothlessError("a job outlives its parent")
    return ""


def _no_new_privs(ground: Ground) -> str:
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    if libc.prctl(libc.PR_GET_NO_NEW_PRIVS) != 1:
        raise ToothlessError("not set")
    return ""


def _capabilities(ground: Ground) -> str:
    # What is to be lost must be there first: root has it, an ordinary user gets it in a user
    # namespace.
    if not ground.privileged and ground.user_namespaces:
        namespaces.enter_user_namespace()
    jail.drop_bounding_set()
    jail.drop_capabilities()
    with _refused("making a mount namespace", errno.EPERM):
        namespaces.unshare(namespaces.CLONE_NEWNS)
    return ""


def _restrict(ground: Ground) -> int:
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    public = os.path.join(ground.directory, "public")
    return landlock.restrict([public], [])


def _landlock(ground: Ground) -> str:
    version = _restrict(ground)
    os.listdir(os.path.join(ground.directory, "public"))
    with _refused("reading another file", errno.EACCES):
        os.open(ground.secret, os.O_RDONLY)
    with _refused("writing", errno.EACCES):
        os.open(os.path.join(ground.directory, "public", "new"), os.O_CREAT | os.O_WRONLY, 0o600)
    return f"ABI {version}"


def _landlock_network(ground: Ground) -> str:
    _require_abi(landlock.NET_ABI)
    with _listener() as address:
        _restrict(ground)
        with _refused("a connection", errno.EACCES), socket.socket() as client:
            client.connect(address)
    return ""


def _landlock_scope(ground: Ground) -> str:
    _require_abi(landlock.SCOPE_ABI)
    victim = os.getppid()
    _restrict(ground)
    with _refused("signalling another process", errno.EPERM):
        os.kill(victim, 0)
    return ""


def _require_abi(needed: int) -> None:
    found = landlock.abi()
    if found < needed:
        raise UnavailableError(f"needs Landlock ABI {needed}, this kernel has {found}")


def _seccomp(ground: Ground) -> str:
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.install(seccomp.build_program(os.getpid()))
    with _refused("a socket", errno.EPERM):
        socket.socket()
    with _refused("a new process", errno.EPERM):
        if os.fork() == 0:
            os._exit(0)
    with _refused("a program", errno.EPERM):
        os.execv(sys.executable, [sys.executable, "-c", "raise SystemExit(9)"])
    with _refused("a signal to another process", errno.EPERM):
        os.kill(os.getppid(), 0)
    return os.uname().machine


def _cgroup(ground: Ground) -> str:
    group = cgroups.create(cgroups.new_name())
    start, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(start, 1)
        bytearray(b"x") * (128 * MIB)
        os._exit(0)
    try:
        group.limit(32 * MIB, 16)
        group.add(child)
        os.write(go, b"x")
        _, status = os.waitpid(child, 0)
        child = 0
        if not os.WIFSIGNALED(status) or not group.out_of_memory_kills():
            raise ToothlessError("memory beyond the limit is given")
    finally:
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        group.remove()
    return f"version {group.version}"


def _pidfd(ground: Ground) -> str:
    child = os.fork()
    if child == 0:
        signal.pause()
    handle = os.pidfd_open(child)
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
        raise ToothlessError("a process could not be killed by its descriptor")
    return ""


PROBES: dict[str, Callable[[Ground], str]] = {
    "user-namespace": _user_namespace,
    "pid-namespace": _pid_namespace,
    "network-namespace": _network_namespace,
    "ipc-namespace": _ipc_namespace,
    "uts-namespace": _uts_namespace,
    "read-only-root": _read_only_root,
    "undumpable": _undumpable,
    "session": _session,
    "close-descriptors": _close_descriptors,
    "scratch-quota": _scratch_quota,
    "rlimits": _rlimits,
    "separate-uid": _separate_uid,
    "parent-death-signal": _parent_death_signal,
    "no-new-privs": _no_new_privs,
    "capabilities": _capabilities,
    "landlock": _landlock,
    "landlock-network": _landlock_network,
    "landlock-scope": _landlock_scope,
    "seccomp": _seccomp,
    "cgroup": _cgroup,
    "pidfd": _pidfd,
}


# --- Children that report -------------------------------------------------------------------------

# Where a probing child, and the children it forks, report; the probe that closes descriptors keeps
# it.
_report_fd = -1


def _report(active: bool, detail: str) -> None:
    # One write of a short line: several reporters cannot mix, and the first line counts.
    line = json.dumps({"active": active, "detail": detail[:300]}) + "\n"
    os.write(_report_fd, line.encode())


def _finish(attempt: Callable[[], str | None]) -> NoReturn:
    """End this child with 0 if `attempt` returns; else report why not, before the parent can."""
    code = 1
    try:
        attempt()
        code = 0
    except (UnavailableError, ToothlessError) as error:
        _report(False, str(error))
    except OSError as error:
        _report(False, error.strerror or str(error))
    except BaseException as error:
        # A bug of the probe: say so instead of unwinding into the code of the parent.
        _report(False, f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


def _wait(child: int) -> str:
    _, status = os.waitpid(child, 0)
    if status:
        raise ToothlessError(f"a child ended with {os.waitstatus_to_exitcode(status)}")
    return ""


def _attempt(probe: Callable[[Ground], str], ground: Ground) -> tuple[bool, str]:
    """Run one probe in a child. Returns whether the layer bites, and the detail."""
    global _report_fd  # inherited by the child and all its children
    reports, _report_fd = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reports)
        _finish(lambda: _report(True, probe(ground)))
    os.close(_report_fd)
    try:
        if not select.select([reports], [], [], _CHILD_TIMEOUT_S)[0]:
            return False, f"no answer within {_CHILD_TIMEOUT_S:g} s"
        line = os.read(reports, 4096).partition(b"\n")[0]
    finally:
        os.close(reports)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if not line:
        return False, f"the child ended with {os.waitstatus_to_exitcode(status)}"
    report = json.loads(line)
    return bool(report["active"]), str(report["detail"])


@contextmanager
def _listener() -> Iterator[tuple[str, int]]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()


def _make_namespace(ground: Ground) -> str:
    namespaces.unshare(namespaces.CLONE_NEWNS)
    return ""


def survey(directory: str, without: Set[str]) -> dict[str, tuple[bool, str]]:
    """Probe all layers, in an empty directory. Returns whether each is active, and a detail."""
    ground = Ground(False, False, directory)
    os.mkdir(os.path.join(directory, "public"))
    os.close(os.open(ground.secret, os.O_CREAT | os.O_WRONLY, 0o600))
    found: dict[str, tuple[bool, str]] = {}
    ground = replace(ground, privileged=_attempt(_make_namespace, ground)[0])
    for layer in LAYERS:
        missing = [name for name in layer.needs if not found[name][0]]
        if layer.name in without:
            found[layer.name] = False, "left out on request"
        elif missing:
            found[layer.name] = False, f"needs {missing[0]}"
        else:
            found[layer.name] = _attempt(PROBES[layer.name], ground)
        if layer.name == "user-namespace":
            ground = replace(ground, user_namespaces=found[layer.name][0])
    return found


def main() -> None:
    """Print the survey as JSON. Arguments: names of layers to leave out."""
    with tempfile.TemporaryDirectory(prefix="autograder-probe-") as directory:
        found = survey(directory, frozenset(sys.argv[1:]))
    json.dump(
        {name: {"active": active, "detail": detail} for name, (active, detail) in found.items()},
        sys.stdout,
    )
