"""Landlock, the kernel's sandbox for ordinary users: which files, ports and processes can this process still reach.

Needs no privilege and no namespace, and cannot be undone. Linux 5.13 and later; what is covered
grows with the ABI version.
"""

# The kernel takes paths as strings.
# ruff: noqa: PTH112

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

from autograder.sandbox import libc

# Rights on files, in the order of their bits; the ABI version that introduced them. See
# landlock(7).
_FILE_RIGHTS: tuple[tuple[str, int], ...] = (
    ("execute", 1),
    ("write_file", 1),
    ("read_file", 1),
    ("read_dir", 1),
    ("remove_dir", 1),
    ("remove_file", 1),
    ("make_char", 1),
    ("make_dir", 1),
    ("make_reg", 1),
    ("make_sock", 1),
    ("make_fifo", 1),
    ("make_block", 1),
    ("make_sym", 1),
    ("refer", 2),
    ("truncate", 3),
    ("ioctl_dev", 5),
)
_BIT = {name: 1 << bit for bit, (name, _) in enumerate(_FILE_RIGHTS)}
_READ = _BIT["read_file"] | _BIT["read_dir"]
# Never execute, device files or sockets. Links may be made: they lead nowhere that these rules do
# not allow.
_WRITE = _READ | sum(
    _BIT[name]
    for name in (
        "write_file", "remove_dir", "remove_file", "make_dir", "make_reg", "make_sym", "refer",
        "truncate",
    )
)  # fmt: skip
_COMMAND = _WRITE | _BIT["ioctl_dev"]
# The rights that make sense for a path which is no directory; the kernel refuses the others there.
_ON_FILES = sum(_BIT[name] for name in ("execute", "write_file", "read_file", "truncate", "ioctl_dev"))

_NET = 0b11  # bind and connect of TCP sockets, ABI 4
_SCOPES = 0b11  # abstract unix sockets and signals of processes outside, ABI 6
NET_ABI = 4
SCOPE_ABI = 6

_CREATE_VERSION = 1
_RULE_PATH_BENEATH = 1


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"  # what _pack_ implies; Python 3.14 wants it said
    _fields_ = (("rights", ctypes.c_uint64), ("fd", ctypes.c_int32))


def abi() -> int:
    """The Landlock ABI version of the running kernel. Raises OSError where it is missing or switched off."""
    return libc.syscall("landlock_create_ruleset", libc.SYS_LANDLOCK_CREATE_RULESET, None, 0, _CREATE_VERSION)


def restrict(
    read_only: Sequence[str],
    writable: Sequence[str],
    commanded: Sequence[str] = (),
    *,
    network: bool = True,
    scopes: bool = True,
) -> int:
    """Take from the calling thread, for good, every file right but the ones listed, and what else the kernel offers.

    Args:
        read_only: directories (with all below) and files that may be read.
        writable: directories and files that may be written too; nothing anywhere may be executed.
        commanded: device files that may be written and given any command (ioctl).
        network: also refuse TCP (from ABI 4).
        scopes: also refuse signals and abstract unix sockets to other processes (from ABI 6).

    Returns the ABI version in force. Needs no_new_privs. Raises OSError.
    """
    version = abi()
    handled = sum(_BIT[name] for name, since in _FILE_RIGHTS if since <= version)
    ruleset = _Ruleset(
        fs=handled,
        net=_NET if network and version >= NET_ABI else 0,
        scoped=_SCOPES if scopes and version >= SCOPE_ABI else 0,
    )
    # A longer structure than the kernel knows is fine as long as the rest is zero.
    fd = libc.syscall(
        "landlock_create_ruleset",
        libc.SYS_LANDLOCK_CREATE_RULESET,
        ctypes.byref(ruleset),
        ctypes.sizeof(ruleset),
        0,
    )
    try:
        for rights, paths in ((_READ, read_only), (_WRITE, writable), (_COMMAND, commanded)):
            for path in paths:
                _allow(fd, path, rights & handled)
        libc.syscall("landlock_restrict_self", libc.SYS_LANDLOCK_RESTRICT_SELF, fd, 0)
    finally:
        os.close(fd)
    return version


def _allow(ruleset_fd: int, path: str, rights: int) -> None:
    if not os.path.isdir(path):
        rights &= _ON_FILES
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(rights=rights, fd=fd)
        libc.syscall(
            "landlock_add_rule",
            libc.SYS_LANDLOCK_ADD_RULE,
            ruleset_fd,
            _RULE_PATH_BENEATH,
            ctypes.byref(rule),
            0,
        )
    finally:
        os.close(fd)
