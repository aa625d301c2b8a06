"""Which system calls a job may make: an allowlist by name, compiled here to the kernel's filter language (classic BPF).

Everything not named below is refused with EPERM: no program may be started, no process made, no
socket opened, no other process touched, nothing mounted. The policy is data in four tables;
`build_program` turns them into one program per architecture. See seccomp(2) and the kernel's
Documentation/userspace-api/seccomp_filter.rst.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from dataclasses import dataclass

from autograder.sandbox import libc

# --- What a job may call -------------------------------------------------------------------------
# name:number on x86-64:number on aarch64, "-" where the call does not exist. The numbers are from
# arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of the kernel.
_TABLE = """
# files
open:2:- openat:257:56 creat:85:- close:3:57 close_range:436:436 read:0:63 write:1:64 pread64:17:67
pwrite64:18:68 readv:19:65 writev:20:66 preadv:295:69 pwritev:296:70 lseek:8:62 sendfile:40:71
copy_file_range:326:285 access:21:- faccessat:269:48 faccessat2:439:439 stat:4:- lstat:6:-
fstat:5:80 newfstatat:262:79 statx:332:291 statfs:137:43 fstatfs:138:44 getdents64:217:61
readlink:89:- readlinkat:267:78 truncate:76:45 ftruncate:77:46 fallocate:285:47 fadvise64:221:223
fsync:74:82 fdatasync:75:83 flock:73:32 rename:82:- renameat:264:38 renameat2:316:276 mkdir:83:-
mkdirat:258:34 rmdir:84:- unlink:87:- unlinkat:263:35 link:86:- linkat:265:37 symlink:88:-
symlinkat:266:36 chmod:90:- fchmod:91:52 fchmodat:268:53 chown:92:- fchown:93:55 lchown:94:-
fchownat:260:54 umask:95:166 utime:132:- utimes:235:- utimensat:280:88 chdir:80:49 fchdir:81:50
getcwd:79:17 dup:32:23 dup2:33:- dup3:292:24 fcntl:72:25 ioctl:16:29
# memory
brk:12:214 mmap:9:222 munmap:11:215 mremap:25:216 mprotect:10:226 madvise:28:233 msync:26:227
# threads and time
futex:202:98 sched_yield:24:124 sched_getaffinity:204:123 sched_setaffinity:203:122
sched_getparam:143:121 sched_getscheduler:145:120 sched_get_priority_max:146:125
sched_get_priority_min:147:126 getcpu:309:168 membarrier:324:283 rseq:334:293 set_robust_list:273:99
set_tid_address:218:96 clone:56:220 clone3:435:435 exit:60:93 exit_group:231:94
restart_syscall:219:128 nanosleep:35:101 clock_nanosleep:230:115 clock_gettime:228:113
clock_getres:229:114 gettimeofday:96:169 time:201:- times:100:153 alarm:37:- pause:34:-
getitimer:36:102 setitimer:38:103
# waiting and channels
select:23:- pselect6:270:72 poll:7:- ppoll:271:73 epoll_create:213:- epoll_create1:291:20
epoll_ctl:233:21 epoll_wait:232:- epoll_pwait:281:22 eventfd:284:- eventfd2:290:19 pipe:22:-
pipe2:293:59 socketpair:53:199 sendto:44:206 recvfrom:45:207 shutdown:48:210 getsockname:51:204
getpeername:52:205 getsockopt:55:209
# signals
rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139 rt_sigpending:127:136
rt_sigsuspend:130:133 rt_sigtimedwait:128:137 sigaltstack:131:132 kill:62:129 tgkill:234:131
rt_sigqueueinfo:129:138 rt_tgsigqueueinfo:297:240
# who am I
getpid:39:172 getppid:110:173 gettid:186:178 getpgrp:111:- getpgid:121:155 getsid:124:156
getuid:102:174 geteuid:107:175 getgid:104:176 getegid:108:177 getgroups:115:158 getresuid:118:148
getresgid:120:150 getrusage:98:165 getrlimit:97:163 prlimit64:302:261 getpriority:140:141
uname:63:160 sysinfo:99:179 capget:125:90 wait4:61:260 waitid:247:95 prctl:157:167 arch_prctl:158:-
getrandom:318:278
# answered with another error, see ANSWERS
openat2:437:437 epoll_pwait2:441:441 getxattr:191:8 lgetxattr:192:9 fgetxattr:193:10
listxattr:194:11 llistxattr:195:12 flistxattr:196:13 setxattr:188:5 lsetxattr:189:6 fsetxattr:190:7
removexattr:197:14 lremovexattr:198:15 fremovexattr:199:16
"""

# What a driver in user space calls besides: where memory lies, and files that are memory.
_ACCELERATOR_TABLE = """
mincore:27:232 mlock:149:228 munlock:150:229 mbind:237:235 get_mempolicy:239:236 set_mempolicy:238:237
memfd_create:319:279
"""


def _numbers(table: str) -> dict[str, tuple[int | None, int | None]]:
    words = (word.split(":") for line in table.splitlines() if not line.startswith("#") for word in line.split())
    return {name: (None if x86 == "-" else int(x86), None if arm == "-" else int(arm)) for name, x86, arm in words}


NUMBERS = _numbers(_TABLE)
ACCELERATOR_NUMBERS = _numbers(_ACCELERATOR_TABLE)

# --- Calls answered with another error than EPERM, on which the libraries take another way --------
ANSWERS: dict[str, int] = {
    # BPF cannot look behind the pointer that holds its flags; glibc then uses clone, which is
    # filtered.
    "clone3": errno.ENOSYS,
    "openat2": errno.ENOSYS,
    "epoll_pwait2": errno.ENOSYS,
    # shutil.copy2 gives up on EPERM here, but takes "not supported" for an answer.
    **dict.fromkeys(
        (
            "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
            "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
        ),
        errno.ENOTSUP,
    ),
}  # fmt: skip

# A libc newer than this list falls back to older calls on ENOSYS only, so what came after it is
# "not implemented", not "refused".
NEWEST_REVIEWED = 451


# --- Calls whose arguments decide: allowed if every test holds ------------------------------------
@dataclass(frozen=True)
class Test:
    """Argument number `arg`, masked, is one of `values`.

    `wide`: the kernel reads 64 bits, so the upper half must be zero.
    """

    arg: int
    values: tuple[int, ...]
    mask: int = 0xFFFF_FFFF
    wide: bool = False


# Stands for the pid of the job itself until the program is built.
OWN_PID = -1

# What pthread_create asks for (glibc and musl): memory, files, signal handlers shared, same thread
# group. No process, no namespace.
_THREAD_FLAGS = 0x3D_0F00
_CLONE_DETACHED = 0x40_0000  # set by musl, ignored by the kernel

# socketpair(AF_UNIX, SOCK_STREAM) only, for asyncio. A datagram pair could still send to a named
# socket elsewhere.
_AF_UNIX = 1
_SOCK_STREAM = 1
_FD_FLAGS = 0o2000000 | 0o4000  # close-on-exec, non-blocking: one value for sockets and pipes

# Nobody needs urgent bytes on a local socket, and the kernel's code for them had a hole that led out of sandboxes
# (CVE-2025-38236).
_MSG_OOB = 1

# F_DUPFD, GETFD, SETFD, GETFL, SETFL, GETLK, SETLK, SETLKW, the three open-file-description locks,
# DUPFD_CLOEXEC, GETPIPE_SZ. Missing on purpose: F_SETOWN, F_SETOWN_EX, F_SETSIG, F_NOTIFY,
# F_SETLEASE (they make the kernel signal a process of the caller's choice), F_SETPIPE_SZ (kernel
# memory that no limit counts).
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)

# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, TCGETS2: questions and flags. Missing on
# purpose: TIOCSTI, TIOCLINUX (type into the operator's terminal), all device and file-system
# commands.
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x802C_542A)

# PR_SET_NAME, PR_GET_NAME (thread names), PR_SET_VMA (glibc labels its memory). Missing on purpose:
# PDEATHSIG, DUMPABLE, PTRACER.
_PRCTL = (15, 16, 0x5356_4D41)

# ARCH_GET_XCOMP_SUPP, GET_XCOMP_PERM, REQ_XCOMP_PERM: oneDNN asks for the matrix unit (AMX) of
# newer CPUs.
_ARCH_PRCTL = (0x1021, 0x1022, 0x1023)

RULES: dict[str, tuple[Test, ...]] = {
    "clone": (Test(0, (_THREAD_FLAGS,), mask=0xFFFF_FFFF & ~_CLONE_DETACHED, wide=True),),
    "socketpair": (Test(0, (_AF_UNIX,)), Test(1, (_SOCK_STREAM,), mask=0xFFFF_FFFF & ~_FD_FLAGS)),
    # Pipes of bytes. O_NOTIFICATION_PIPE would open another part of the kernel.
    "pipe2": (Test(1, (0,), mask=0xFFFF_FFFF & ~_FD_FLAGS),),
    # send() on a connected pair: no destination address, and no urgent byte.
    "sendto": (Test(3, (0,), mask=_MSG_OOB), Test(4, (0,), wide=True)),
    "recvfrom": (Test(3, (0,), mask=_MSG_OOB),),
    "fcntl": (Test(1, _FCNTL),),
    "ioctl": (Test(1, _IOCTL),),
    "prctl": (Test(0, _PRCTL),),
    "arch_prctl": (Test(0, _ARCH_PRCTL),),
    "prlimit64": (Test(0, (0,)),),
    "sched_setaffinity": (Test(0, (0,)),),
    "kill": (Test(0, (OWN_PID,)),),
    "tgkill": (Test(0, (OWN_PID,)),),
    "rt_sigqueueinfo": (Test(0, (OWN_PID,)),),
    "rt_tgsigqueueinfo": (Test(0, (OWN_PID,)),),
}


# --- The compiler ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Architecture:
    """How the kernel names an architecture, the column of its numbers, and where its foreign numbers begin."""

    audit: int
    column: int
    foreign_from: int | None


ARCHITECTURES = {
    # Numbers with bit 30 select the x32 tables, which would sidestep a list of x86-64 numbers.
    "x86_64": Architecture(audit=0xC000_003E, column=0, foreign_from=0x4000_0000),
    "aarch64": Architecture(audit=0xC000_00B7, column=1, foreign_from=None),
}

ALLOW = 0x7FFF_0000
KILL = 0x8000_0000  # the whole process
ERRNO = 0x0005_0000  # | errno

# struct seccomp_data: int nr, u32 arch, u64 instruction_pointer, u64 args[6]. Both architectures
# are little-endian.
_NR, _ARCH, _ARGS = 0, 4, 16

# Instructions: load a word of seccomp_data, and, return; jumps on equal, greater or equal, greater.
_LD, _AND, _RET = 0x20, 0x54, 0x06
_JEQ, _JGE, _JGT = 0x15, 0x35, 0x25
_INSTRUCTION = struct.Struct("<HBBI")


class _Assembler:
    """Instructions with named jump targets; a missing target means the next instruction."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, str | None, str | None]] = []
        self._labels: dict[str, int] = {}

    def emit(self, code: int, k: int, *, yes: str | None = None, no: str | None = None) -> None:
        self._code.append((code, k, yes, no))

    def label(self, name: str) -> None:
        self._labels[name] = len(self._code)

    def assemble(self) -> bytes:
        return b"".join(
            _INSTRUCTION.pack(code, self._jump(at, yes), self._jump(at, no), k)
            for at, (code, k, yes, no) in enumerate(self._code)
        )

    def _jump(self, at: int, label: str | None) -> int:
        # Jumps are counted from the next instruction and fit into one byte; struct refuses a longer
        # one.
        return 0 if label is None else self._labels[label] - at - 1


def build_program(own_pid: int | None, machine: str | None = None, *, accelerator: bool = False) -> bytes:
    """The filter as bytes, ready for `install`.

    Args:
        own_pid: the pid a job sees as its own (1 in a pid namespace), the only one it may signal;
            None allows no signal.
        machine: "x86_64" or "aarch64"; default the running one.
        accelerator: whether the job drives an accelerator: then every ioctl, because the filter cannot see of which
            file, and what else a driver in user space calls.

    Raises:
        OSError: there is no table for this machine.
    """
    machine = machine or os.uname().machine
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no system call table for {machine}")
    architecture = ARCHITECTURES[machine]
    program = _Assembler()
    program.emit(_LD, _ARCH)
    program.emit(_JEQ, architecture.audit, yes="native")
    program.emit(_RET, KILL)
    program.label("native")
    program.emit(_LD, _NR)
    if architecture.foreign_from is not None:
        program.emit(_JGE, architecture.foreign_from, no="known")
        program.emit(_RET, KILL)
        program.label("known")
    program.emit(_JGT, NEWEST_REVIEWED, no="reviewed")
    program.emit(_RET, ERRNO | errno.ENOSYS)
    program.label("reviewed")
    for name, numbers in (NUMBERS | ACCELERATOR_NUMBERS if accelerator else NUMBERS).items():
        number = numbers[architecture.column]
        if number is not None:
            program.emit(_JEQ, number, no=f"after {name}")
            if not (accelerator and name == "ioctl"):
                _emit_tests(program, name, own_pid)
            program.emit(_RET, ERRNO | ANSWERS[name] if name in ANSWERS else ALLOW)
            program.label(f"after {name}")
    program.emit(_RET, ERRNO | errno.EPERM)
    return program.assemble()


def _emit_tests(program: _Assembler, name: str, own_pid: int | None) -> None:
    """Jump over these instructions if every test of `name` holds, else end with EPERM."""
    for position, test in enumerate(RULES.get(name, ())):
        passed, failed = f"{name} {position} passed", f"{name} {position} failed"
        low = _ARGS + 8 * test.arg
        if test.wide:
            program.emit(_LD, low + 4)
            program.emit(_JEQ, 0, no=failed)
        program.emit(_LD, low)
        if test.mask != 0xFFFF_FFFF:
            program.emit(_AND, test.mask)
        for value in test.values:
            if value != OWN_PID:
                program.emit(_JEQ, value, yes=passed)
            elif own_pid is not None:
                program.emit(_JEQ, own_pid, yes=passed)
        program.label(failed)
        program.emit(_RET, ERRNO | errno.EPERM)
        program.label(passed)


class _Fprog(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def install(program: bytes) -> None:
    """Put the calling thread, and all it starts, under the filter for good. Needs no_new_privs. Raises OSError."""
    fprog = _Fprog(len(program) // _INSTRUCTION.size, program)
    libc.prctl(libc.PR_SET_SECCOMP, libc.SECCOMP_MODE_FILTER, ctypes.addressof(fprog))
