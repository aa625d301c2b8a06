"""In which order a process is locked up.

`early` (before the imports), `confine_zygote` (once, after them) and `confine_job` (once per
submission) hold the whole order; the reasons for the order stand beside the lines. Each takes the
set of layers that the probe found to bite on this host, applies exactly those, and raises when one
of them fails: a job with fewer walls than its report says must not run.
"""

# Links, descriptors and mounts: the calls of os say exactly what happens.
# ruff: noqa: PTH100, PTH101, PTH102, PTH106, PTH110, PTH112, PTH116, PTH118, PTH119, PTH123, PTH208

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import signal
import site
import socket
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from autograder.errors import GraderError, UsageError
from autograder.sandbox import landlock, libc, namespaces, seccomp
from autograder.sandbox.devices import Reach
from autograder.sandbox.layers import check_names
from autograder.sandbox.limits import MIB, Limits, apply_rlimits

# Where a job with its own root finds its files. No other file lies on this path: the root is ours.
SCRATCH = "/scratch"
# Files and directories of a job together: enough for any notebook, small enough for kernel memory.
SCRATCH_INODES = 4096

# What a job sees as the name of the host.
HOST_NAME = "sandbox"

# Uids which, by the registry of systemd (UIDS-GIDS), nobody hands out; they fit into the 16 bits
# that containers map.
_FREE_UIDS = range(60578, 61184)
# More slots than these share them, which costs nothing but exact counts.
_SLOT_UIDS = 32

# For capset(2), version 3: a header (version, pid 0 = self) and two blocks of three empty sets. Made here, because
# ctypes makes a class for each length of an array, which would take every job a while.
_NO_CAPABILITIES = ((ctypes.c_uint32 * 2)(0x2008_0522, 0), (ctypes.c_uint32 * 6)())

# Without one of these the proc of a job would show others, or cannot be mounted.
_OWN_PROC = frozenset({"pid-namespace", "read-only-root", "scratch-quota"})

_NAMESPACES = (
    ("network-namespace", namespaces.CLONE_NEWNET),
    ("ipc-namespace", namespaces.CLONE_NEWIPC),
    ("uts-namespace", namespaces.CLONE_NEWUTS),
)


@dataclass(frozen=True)
class Early:
    """What `early` leaves for later.

    Attributes:
        pid_namespace_fd: a descriptor of the zygote's own pid namespace.
        job_uid: the uid of its jobs.
        slot_uids: uids to take instead, slot by slot; see `enter_slot`.
    """

    pid_namespace_fd: int | None
    job_uid: int | None
    slot_uids: tuple[int, ...] = ()


@dataclass(frozen=True)
class JailState:
    """What the zygote prepared for every job it will fork.

    Attributes:
        before: what `early` returned.
        trees, devices: what jobs may read; devices may be written too.
        reach: what jobs may do for an accelerator.
        own_proc: whether each job mounts a proc that shows only itself.
        scratch: the directory in which, or on which, a job gets its own directory.
        program: the system call filter; None if it must be built in the job, whose pid is not known
            before.
        vm_size_bytes: address space of the zygote.
        parent_pid: the pid of the process that forks the jobs, as they see it if they share its pid namespace.
    """

    before: Early
    trees: tuple[str, ...]
    devices: tuple[str, ...]
    reach: Reach
    own_proc: bool
    scratch: str
    program: bytes | None
    vm_size_bytes: int
    parent_pid: int


def early(active: Set[str]) -> Early:
    """Enter the user and pid namespaces and fork once, before any import that starts a thread.

    FORKS when "pid-namespace" is active: the calling process becomes a silent stub that closes
    every descriptor, waits, and ends with the status of its child; only the child, pid 1 of the new
    namespace, returns. Killing the stub kills everything.

    With "parent-death-signal", the zygote is killed when the *thread* that started it ends: start
    it from one that lives as long as it should. Call with one thread only. Raises OSError or
    GraderError.
    """
    check_names(active)
    slot_uids: tuple[int, ...] = ()
    if "separate-uid" in active:  # now, because later there may be no list of accounts to look into
        slot_uids = tuple(unused_uid(os.getpid() + number) for number in range(_SLOT_UIDS))
    job_uid = slot_uids[0] if slot_uids else None
    if "user-namespace" in active:
        namespaces.enter_user_namespace()
    pid_namespace_fd = None
    if "pid-namespace" in active:
        namespaces.unshare(namespaces.CLONE_NEWPID)
        zygote = os.fork()
        if zygote:
            _stand_by(zygote, active)
        pid_namespace_fd = namespaces.open_pid_namespace()
    if "parent-death-signal" in active:
        libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    return Early(pid_namespace_fd, job_uid, slot_uids)


def confine_zygote(
    active: Set[str],
    before: Early,
    *,
    trees: Sequence[str],
    private: str | None = None,
    reach: Reach = Reach(),  # noqa: B008  # frozen
) -> JailState:
    """Lock up the zygote after its imports and its warm-up, before the first job.

    Args:
        active: names of the layers that the probe found to bite.
        before: what `early` returned.
        trees: directories that jobs may read, see `allowed_trees`; those that do not exist are left
            out.
        private: a directory from `make_private_directory`, for the files of jobs. Needed unless
            both "read-only-root" and "scratch-quota" are active.
        reach: what jobs may do for an accelerator; by default there is none.

    Raises also where jobs need a proc and these layers can give them none that shows only themselves.

    With "read-only-root" there is no proc and no temporary directory afterwards. Raises OSError or
    GraderError.
    """
    check_names(active)
    own_root, quota = "read-only-root" in active, "scratch-quota" in active
    if private is None and not (own_root and quota):
        raise GraderError("jobs need a private directory here: there is no read-only root with a scratch quota.")
    scratch = private if private is not None and not (own_root and quota) else SCRATCH
    trees = tuple(tree for tree in trees if os.path.isdir(tree))
    if before.job_uid is not None:
        check_open(trees, own_root=own_root)
    devices = tuple(device for device in namespaces.DEVICES if os.path.exists(device))
    shown = (*devices, *reach.files)
    own_proc = reach.proc and active >= _OWN_PROC
    if reach.proc and not own_proc and {"read-only-root", "landlock"} & active:
        raise GraderError(
            f"a job with an accelerator needs a proc of its own, and so all of {', '.join(sorted(_OWN_PROC))}"
        )
    vm_size_bytes = _vm_size_bytes()  # while there is a proc
    for name, flag in _NAMESPACES:
        if name in active:
            namespaces.unshare(flag)
    if "uts-namespace" in active:
        socket.sethostname(HOST_NAME)  # the new namespace starts with a copy of the name
    if own_root:
        namespaces.private_mounts()
        if quota:
            namespaces.read_only_root(trees, shown, scratch=SCRATCH, proc=own_proc)
        else:
            namespaces.read_only_root(trees, shown, writable=(scratch,))
    # Time that no job has to pay. In a pid namespace a job sees itself as pid 1.
    program = None
    if "seccomp" in active and before.pid_namespace_fd is not None:
        program = seccomp.build_program(1, accelerator=reach.is_accelerator)
    if "undumpable" in active:
        hide_memory()
    libc.find("prctl", "syscall", "capset", "mount")
    return JailState(before, trees, devices, reach, own_proc, scratch, program, vm_size_bytes, os.getpid())


def enter_slot(active: Set[str], state: JailState, number: int) -> JailState:
    """Become the server of one slot, a child of the zygote; returns the state for its jobs, whose parent it is.

    What it takes from itself for good, and its jobs would otherwise each take from themselves, it takes here.

    Where there are uids for it, those of one slot are not those of another: the kernel counts processes and threads by
    uid, and those that one job starts must not be missing to the job beside it.
    """
    if "parent-death-signal" in active:  # a fork clears it
        _die_with_parent(state)
    if "capabilities" in active:
        drop_bounding_set()  # needs a right that the change of uid takes away from a job
    uids = state.before.slot_uids
    before = replace(state.before, job_uid=uids[number % len(uids)]) if uids else state.before
    return replace(state, before=before, parent_pid=os.getpid())


def fork_job(state: JailState) -> int:
    """Fork a job, in a pid namespace of its own if the zygote has one. Returns as `os.fork`: 0 in the job."""
    if state.before.pid_namespace_fd is None:
        return os.fork()
    return namespaces.fork_in_pid_namespace(state.before.pid_namespace_fd)


def confine_job(
    active: Set[str],
    limits: Limits,
    state: JailState,
    *,
    keep_fds: Collection[int],
    cpu_s: float,
    name: str,
) -> str:
    """Lock up the calling process for good: the first thing to do when `fork_job` has returned 0.

    Args:
        active: names of the layers that the probe found to bite.
        limits: limits of the job.
        state: what `confine_zygote` returned.
        keep_fds: descriptors to keep besides 0, 1 and 2, which the caller has already pointed to
            where they belong.
        cpu_s: CPU seconds the job may use, all threads together.
        name: a file name, unique in the life of the zygote ("job-17"), for the private directory if
            one is needed.

    Returns the job's own directory, which is its working directory, TMPDIR and HOME from now on.
    Raises OSError or GraderError: end the job as an internal error, never as a result of the
    student.
    """
    if "session" in active:
        os.setsid()
    if "close-descriptors" in active:
        close_others({0, 1, 2, *keep_fds})
    os.umask(0o077)
    # Mounts first: a process under Landlock cannot mount.
    home = _own_directory(active, limits, state, name)
    if state.own_proc:
        namespaces.mount_proc()
    os.chdir(home)
    os.environ.update(TMPDIR=home, HOME=home)
    tempfile.tempdir = home  # the zygote may have cached one that is gone
    if "rlimits" in active:
        apply_rlimits(
            limits,
            0 if state.reach.is_accelerator else state.vm_size_bytes,  # CUDA reserves far more than it uses
            cpu_s + state.reach.start_s,
            # Otherwise the count would include all that the operator runs besides.
            count_processes=bool({"user-namespace", "separate-uid"} & active),
        )
    if state.before.job_uid is not None:
        change_uid(state.before.job_uid)
    if state.own_proc:
        # After a change of uid its own files there belong to root, and a driver must write to one of them. Nobody else
        # can see this process.
        libc.prctl(libc.PR_SET_DUMPABLE, 1)
    if "parent-death-signal" in active:
        _die_with_parent(state)  # a change of uid clears it, so after that
    if "no-new-privs" in active:
        libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)  # Landlock and seccomp ask for it
    if "capabilities" in active:
        drop_capabilities()
    if "landlock" in active:
        landlock.restrict(
            state.trees,
            (home, *state.devices, *(["/proc"] if state.own_proc else [])),
            state.reach.files,
            network="landlock-network" in active,
            scopes="landlock-scope" in active,
        )
    if "seccomp" in active:
        accelerator = state.reach.is_accelerator
        seccomp.install(state.program or seccomp.build_program(os.getpid(), accelerator=accelerator))
    return home


# --- Pieces of the order above, also used by the probe


def unused_uid(seed: int) -> int:
    """A uid that no account has, from a range that nobody hands out; `seed` spreads concurrent zygotes over it."""
    import pwd  # not on Windows

    for step in range(len(_FREE_UIDS)):
        uid = _FREE_UIDS[(seed + step) % len(_FREE_UIDS)]
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return uid
    raise GraderError(f"every uid of {_FREE_UIDS} belongs to an account: free one, or run as an ordinary user.")


def check_open(trees: Sequence[str], *, own_root: bool) -> None:
    """Make sure that another uid can read `trees`: else an honest import in a cell would fail.

    With a root of its own a job meets new directories above each tree; else those of the host.

    Raises:
        UsageError: a tree, or a directory above it, is closed to other users.
    """
    for tree in map(os.path.realpath, trees):
        above = [] if own_root else [str(path) for path in Path(tree).parents]
        for path, bits, rights in ((tree, 0o005, "rx"), *((path, 0o001, "x") for path in above)):
            if os.stat(path).st_mode & bits != bits:
                raise UsageError(
                    f"{path} is closed to other users, but jobs started by root run as another "
                    f"user and need {tree}. Run `chmod o+{rights} {path}`, install Python and its "
                    "packages elsewhere, or grade as an ordinary user."
                )


def change_uid(uid: int) -> None:
    """Become `uid` for good, with the group of the same number only."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def drop_bounding_set() -> None:
    """Give up the capabilities that a program started later could get; nothing happens without the right to do so."""
    for capability in range(64):
        try:
            libc.prctl(libc.PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == errno.EINVAL:  # after the last one
                return
            if error.errno == errno.EPERM:  # an ordinary user: no_new_privs has the same effect
                return
            raise


def drop_capabilities() -> None:
    """Give up all capabilities held, inherited or kept for a change of uid."""
    libc.prctl(libc.PR_CAP_AMBIENT, libc.PR_CAP_AMBIENT_CLEAR_ALL)
    libc.call("capset", *_NO_CAPABILITIES)


def close_others(keep: Collection[int]) -> None:
    """Close every descriptor that is not in `keep`."""
    first = 0
    for fd in sorted(keep):
        if fd > first:
            _close_range(first, fd - 1)
        first = fd + 1
    _close_range(first, 0xFFFF_FFFF)


def _close_range(first: int, last: int) -> None:
    try:
        libc.syscall("close_range", libc.SYS_CLOSE_RANGE, first, last, 0)
    except OSError as error:
        if error.errno != errno.ENOSYS:  # Linux before 5.9
            raise
        # The limit on descriptors bounds the highest one, unless it was lowered meanwhile: then the
        # kernel's table is longer.
        os.closerange(first, min(last, os.sysconf("SC_OPEN_MAX")) + 1)


def hide_memory() -> None:
    """Keep other processes of the same user from reading the memory, environment and descriptors of this one."""
    libc.prctl(libc.PR_SET_DUMPABLE, 0)


def protect_grader() -> None:
    """`hide_memory` for the grader, where the system knows such a thing."""
    if sys.platform == "linux":
        hide_memory()


def _stand_by(zygote: int, active: Set[str]) -> NoReturn:
    """Wait for the zygote and end as it did, holding nothing that would keep its channels open."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "parent-death-signal" in active:
        libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    close_others(())
    _, status = os.waitpid(zygote, 0)
    code = os.waitstatus_to_exitcode(status)
    # As a shell does for a signal; no clean-up, the child has the same objects.
    os._exit(code if code >= 0 else 128 - code)


def _die_with_parent(state: JailState) -> None:
    libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before that. In a pid namespace of its own a job does not see it, but there the zygote
    # takes all with it.
    if state.before.pid_namespace_fd is None and os.getppid() != state.parent_pid:
        raise GraderError("the zygote ended while a job was being prepared.")


def _vm_size_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _own_directory(active: Set[str], limits: Limits, state: JailState, name: str) -> str:
    """An empty directory for the calling job: a file system of limited size if possible, else a private one."""
    uid = state.before.job_uid
    if "scratch-quota" in active:
        namespaces.mount_scratch(state.scratch, limits.scratch_mib * MIB, SCRATCH_INODES, uid)
        return state.scratch
    home = os.path.join(state.scratch, name)
    os.mkdir(home, 0o700)
    if uid is not None:
        os.chown(home, uid, uid)
    return home


# --- What a job may read


def allowed_trees(extra: Sequence[str] = ()) -> tuple[str, ...]:
    """The directories that a job may read: libraries of the interpreter and the system, installed packages, time zones.

    Of an interpreter's prefix only the library folders count: the prefix of a system Python is
    /usr, that of a virtual environment may be the course folder itself. `extra` (data sets, say) is
    added. Nested directories are left out.
    """
    found = [path for path in (*_library_folders(), *extra) if os.path.isdir(path)]
    # Links are kept as they are named (/lib): libraries are asked for by that name.
    return tuple(namespaces.outermost(os.path.abspath(path) for path in found))


def _library_folders() -> Iterator[str]:
    for prefix in {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}:
        yield from (os.path.join(prefix, folder) for folder in ("lib", "lib64"))
    for kind in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield sysconfig.get_path(kind)
    yield from site.getsitepackages()
    # Wherever else packages were installed (a user's own site, a path given by the environment).
    yield from (path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages"))
    yield from ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/usr/share/zoneinfo")


def refuse_if_inside(paths: Sequence[str], trees: Sequence[str]) -> None:
    """Make sure that no job can read `paths` (course, submissions, results).

    Raises:
        UsageError: one of them lies in a directory that jobs may read, or is one.
    """
    for path in map(os.path.realpath, paths):
        for tree in map(os.path.realpath, trees):
            if namespaces.inside(path, tree):
                raise UsageError(
                    f"{path} lies in {tree}, which every submission may read, hidden tests "
                    "included. Move it out of the folders of the interpreter and its packages."
                )


# --- Files of jobs on hosts where a job cannot have a file system of its own


def make_private_directory(parent: str | None = None) -> str:
    """A new directory in which jobs make theirs. Others may pass through, not look in: a job runs as another uid."""
    path = os.path.realpath(tempfile.mkdtemp(prefix="autograder-jobs-", dir=parent))
    os.chmod(path, 0o711)
    return path


def remove_private_directory(path: str) -> None:
    """Remove a directory that jobs have written to, without following any link they left.

    Directories are first moved to the top, so that neither depth nor closed permissions can stop
    it. No job may be running. Raises OSError.
    """
    if sys.platform != "linux":
        shutil.rmtree(path)
        return
    top = _open_directory(path, None)
    try:
        while names := os.listdir(top):
            for name in names:
                if _is_directory(name, top):
                    _lift_directories(name, top)
                    os.rmdir(name, dir_fd=top)
                else:
                    os.unlink(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(path)


def _lift_directories(name: str, top: int) -> None:
    """Empty the directory `name` in `top`: unlink its files, move its directories to `top`."""
    inner = _open_directory(name, top)
    try:
        for child in os.listdir(inner):
            if _is_directory(child, inner):
                # To move a directory one must be allowed to write in it, because its ".." changes.
                os.close(_open_directory(child, inner))
                # A name that the job could not have taken beforehand.
                os.rename(child, secrets.token_hex(16), src_dir_fd=inner, dst_dir_fd=top)
            else:
                os.unlink(child, dir_fd=inner)
    finally:
        os.close(inner)


def _is_directory(name: str, parent: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _open_directory(name: str, parent: int | None) -> int:
    """Open a directory, not a link to one, after giving its owner all rights on it."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{handle}", 0o700)
        return os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_DIRECTORY)
    finally:
        os.close(handle)
