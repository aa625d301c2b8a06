"""Gives a process its own view of users, processes, network and files.

Thin wrappers over unshare, setns, mount and pivot_root, and the few recipes built from them. Linux
only when called.
"""

# The kernel takes and gives paths as strings.
# ruff: noqa: PTH102, PTH103, PTH106, PTH112, PTH120, PTH123, PTH211

from __future__ import annotations

import ctypes
import errno
import os
import tempfile
from collections.abc import Iterable, Sequence

from autograder.sandbox import libc

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x4_0000
MNT_DETACH = 2

DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` (CLONE_NEW...)."""
    libc.call("unshare", flags)


def setns(fd: int, kind: int) -> None:
    """Join the namespace that `fd` refers to; `kind` is its CLONE_NEW... flag."""
    libc.call("setns", fd, kind)


def mount(
    source: str | None,
    target: str,
    kind: str | None = None,
    flags: int = 0,
    data: str | None = None,
) -> None:
    """Mount a file system, or change a mount. Arguments as in the manual."""
    libc.call("mount", source, target, kind, flags, data)


def unmount(target: str) -> None:
    """Detach a mount now; the kernel frees it when its last user is gone."""
    libc.call("umount2", target, MNT_DETACH)


def enter_user_namespace() -> None:
    """Become root of a new user namespace which knows one user only: the caller.

    Gives an ordinary user the rights that the other namespaces ask for, over nothing but those
    namespaces. The process must have one thread. Raises OSError where the host forbids it.
    """
    uid, gid = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    # The kernel lets an ordinary user map a gid only after setgroups has been given up.
    for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{file}", "w", encoding="ascii") as stream:
            stream.write(text)


def open_pid_namespace() -> int:
    """A descriptor of the pid namespace of this process, for `fork_in_pid_namespace`. Needs proc."""
    return os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)


def fork_in_pid_namespace(own_fd: int) -> int:
    """`os.fork`, but the child is pid 1 of a new pid namespace: when it ends, the kernel kills all it has started.

    Args:
        own_fd: what `open_pid_namespace` returned in this process. unshare(NEWPID) works only once
            unless the process goes back to its own namespace after each fork.
    """
    unshare(CLONE_NEWPID)
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid != 0:  # the parent, also when fork failed
            setns(own_fd, CLONE_NEWPID)
    return pid


def private_mounts() -> None:
    """A mount namespace of one's own, from which no change travels back to the host."""
    unshare(CLONE_NEWNS)
    mount(None, "/", None, MS_REC | MS_PRIVATE)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def bind(source: str, target: str, flags: int) -> None:
    """Show `source` and all mounted below it at `target`, with MS_RDONLY, MS_NOSUID... on each of these mounts."""
    mount(source, target, None, MS_BIND | MS_REC)
    # The bits of mount_setattr for read-only, nosuid, nodev and noexec equal those of mount.
    attributes = _MountAttr(set=flags)
    try:
        libc.syscall(
            "mount_setattr",
            libc.SYS_MOUNT_SETATTR,
            _AT_FDCWD,
            os.fsencode(target),
            _AT_RECURSIVE,
            ctypes.byref(attributes),
            ctypes.sizeof(attributes),
        )
    except OSError as error:
        if error.errno != errno.ENOSYS:  # Linux before 5.12
            raise
        _remount_each(target, flags)


def _remount_each(target: str, flags: int) -> None:
    """What mount_setattr does, one mount at a time."""
    for point in mounts_below(target):
        # Flags inherited from the host are locked inside a user namespace: naming fewer of them is
        # refused. The values reported by statvfs equal those of mount for these bits.
        kept = os.statvfs(point).f_flag & _LOCKED
        mount(None, point, None, MS_REMOUNT | MS_BIND | kept | flags)


# read-only, nosuid, nodev, noexec, noatime, nodiratime, relatime: as statvfs(3) reports them -> as
# mount(2) wants them.
_LOCKED = 0xF | 0x400 | 0x800


def mounts_below(path: str) -> list[str]:
    """The mount points at and under `path`, parents first. Needs proc."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        points = {unescape(line.split(" ", 5)[4]) for line in lines}
    return sorted(point for point in points if inside(point, path))


def unescape(field: str) -> str:
    """A path as mountinfo writes it, with blanks and backslashes as three octal digits."""
    parts = field.split("\\")
    return parts[0] + "".join(chr(int(part[:3], 8)) + part[3:] for part in parts[1:])


def inside(path: str, tree: str) -> bool:
    """Whether `path` is `tree` or lies below it; both absolute and without links."""
    return path == tree or path.startswith(tree.rstrip("/") + "/")


def outermost(paths: Iterable[str]) -> list[str]:
    """`paths` without those that lie inside another of them, sorted."""
    kept: list[str] = []
    for path in sorted(set(paths), key=lambda path: path.split("/")):
        if not kept or not inside(path, kept[-1]):
            kept.append(path)
    return kept


def read_only_root(
    trees: Sequence[str],
    devices: Sequence[str] = DEVICES,
    scratch: str | None = None,
    writable: Sequence[str] = (),
    proc: bool = False,
) -> None:
    """Replace the root of the calling process by an empty one that shows `trees` and nothing else.

    Args:
        trees: directories shown read-only at their own paths; a link among them is rebuilt and its
            target shown.
        devices: device files shown.
        scratch: an empty directory to make, as a mount point for `mount_scratch`.
        writable: directories shown writable at their own paths.
        proc: whether `mount_proc` follows in each job; until then there is the host's.

    No proc, no sys, no etc; the old root is detached, so not even its names can be asked for. Needs
    a mount namespace of one's own (`private_mounts`). Raises OSError.
    """
    # Directories made here must be passable for the uid that jobs run as.
    umask = os.umask(0o022)
    new = tempfile.mkdtemp(prefix="autograder-root-")
    try:
        mount("tmpfs", new, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=1m")
        for tree in outermost(os.path.realpath(tree) for tree in trees):
            _show(new, tree, MS_RDONLY | MS_NOSUID | MS_NODEV)
        for tree in writable:
            _show(new, os.path.realpath(tree), MS_NOSUID | MS_NODEV | MS_NOEXEC)
        for tree in trees:
            _rebuild_link(new, tree)
        for device in devices:
            _show(new, device, MS_NOSUID | MS_NOEXEC)
        if scratch is not None:
            os.makedirs(new + scratch, exist_ok=True)
        if proc:
            # An ordinary user may mount one's own only where a whole one can be seen; it comes to lie over this.
            _show(new, "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        os.mkdir(new + "/.old")
        libc.call("pivot_root", new, new + "/.old")
    except BaseException:
        # Whatever was mounted there dies with this mount namespace; the directory on the host must
        # not stay.
        libc.load().umount2(os.fsencode(new), MNT_DETACH)
        os.rmdir(new)
        raise
    finally:
        os.umask(umask)
    os.chdir("/")
    os.rmdir("/.old" + new)
    unmount("/.old")
    os.rmdir("/.old")
    mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)


def _show(root: str, path: str, flags: int) -> None:
    """Bind `path` of the host at the same path under `root`."""
    target = root + path
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    bind(path, target, flags)


def _rebuild_link(root: str, path: str) -> None:
    """Make `path`, which leads through a link on the host, lead to the same place under `root` (/lib -> /usr/lib)."""
    real = os.path.realpath(path)
    if real == path or os.path.lexists(root + path):
        return
    os.makedirs(os.path.dirname(root + path), exist_ok=True)
    os.symlink(real, root + path)


def mount_scratch(path: str, size_bytes: int, inodes: int, uid: int | None = None) -> None:
    """Mount an empty file system of limited size at `path`, in a mount namespace of one's own.

    The limit on bytes and files is the only quota that an unprivileged process can set on the sum
    of its files. `uid` owns the directory (default: the caller). Raises OSError.
    """
    private_mounts()
    owner = os.geteuid() if uid is None else uid
    group = os.getegid() if uid is None else uid
    data = f"size={size_bytes},nr_inodes={inodes},mode=700,uid={owner},gid={group}"
    mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, data)


def mount_proc() -> None:
    """Mount a proc that shows only the pid namespace of the caller; needs mounts of one's own. Raises OSError."""
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
