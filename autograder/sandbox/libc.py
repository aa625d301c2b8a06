"""Calls kernel functions that Python does not wrap on every supported version.

Importing this module touches nothing of the system, so it is safe on every platform; the C library
is loaded at the first call.
"""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

# prctl(2)
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECCOMP_MODE_FILTER = 2

# System calls added since Linux 5.0 have one number on every architecture.
SYS_LANDLOCK_CREATE_RULESET = 444
SYS_LANDLOCK_ADD_RULE = 445
SYS_LANDLOCK_RESTRICT_SELF = 446
SYS_CLOSE_RANGE = 436
SYS_MOUNT_SETATTR = 442


@functools.cache
def load() -> ctypes.CDLL:
    """The C library of this process, with errno kept per thread."""
    return ctypes.CDLL(None, use_errno=True)


def _argument(value: Any) -> Any:  # Any: whatever ctypes accepts
    # A bare int would be passed as 32 bits: flags and addresses are wider.
    if isinstance(value, int):
        return ctypes.c_long(value)
    if isinstance(value, str):
        return os.fsencode(value)
    return value


@functools.cache
def _function(name: str) -> Any:  # Any: ctypes does not export the type of a foreign function
    function = getattr(load(), name)
    function.restype = ctypes.c_long if name == "syscall" else ctypes.c_int
    return function


def find(*names: str) -> None:
    """Look functions up, so that no job has to."""
    for name in names:
        _function(name)


def call(name: str, *args: Any) -> int:
    """Call a function of the C library; ints are passed as long, str as a path, None as NULL.

    Raises:
        OSError: the function returned -1; the message starts with its name.
    """
    return _checked(name, _function(name), args)


def syscall(name: str, number: int, *args: Any) -> int:
    """Make the system call `number`; `name` is for the error message. Arguments and errors as in `call`."""
    return _checked(name, _function("syscall"), (number, *args))


def _checked(name: str, function: Any, args: tuple[Any, ...]) -> int:
    ctypes.set_errno(0)
    result = int(function(*map(_argument, args)))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def prctl(option: int, *args: int) -> int:
    """Control the process, see prctl in the manual, with unused arguments zero: several options insist on it."""
    return call("prctl", option, *args, *(0,) * (4 - len(args)))
