"""The system call filter, run by an interpreter of its language written here, and by the kernel."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from autograder.sandbox import seccomp
from autograder.sandbox.seccomp import ANSWERS, ARCHITECTURES, NUMBERS, RULES

MACHINES = list(ARCHITECTURES)
OWN = 1

ALLOW, KILL = "allow", "kill"


def interpret(program, nr, args=(), audit=0):
    """What the kernel does with a call: ALLOW, KILL or the name of an errno. See bpf(4)."""
    arguments = [argument & 0xFFFF_FFFF_FFFF_FFFF for argument in args]
    arguments += [0xDEAD_BEEF_DEAD_BEEF] * (6 - len(arguments))  # registers hold anything
    data = struct.pack("<iIQ6Q", nr, audit, 0x7FFF_0000_1234, *arguments)
    code = list(struct.iter_unpack("<HBBI", program))
    accumulator, at = 0, 0
    for _ in range(len(code)):  # jumps go forward only, so it ends
        operation, yes, no, k = code[at]
        at += 1
        if operation == 0x20:  # BPF_LD | BPF_W | BPF_ABS
            assert k % 4 == 0
            (accumulator,) = struct.unpack_from("<I", data, k)
        elif operation == 0x54:  # BPF_ALU | BPF_AND | BPF_K
            accumulator &= k
        elif operation == 0x15:  # BPF_JMP | BPF_JEQ | BPF_K
            at += yes if accumulator == k else no
        elif operation == 0x25:  # BPF_JGT
            at += yes if accumulator > k else no
        elif operation == 0x35:  # BPF_JGE
            at += yes if accumulator >= k else no
        elif operation == 0x06:  # BPF_RET | BPF_K
            action, value = k & 0xFFFF_0000, k & 0xFFFF
            return {
                0x7FFF_0000: ALLOW,
                0x8000_0000: KILL,
                0x0005_0000: errno.errorcode.get(value),
            }[action]
        else:
            raise AssertionError(f"unknown instruction {operation:#x}")
    raise AssertionError("the program does not end")


@pytest.fixture(params=MACHINES)
def machine(request):
    return request.param


@pytest.fixture
def filtered(machine):
    """A function from a call, by name or number, and its arguments to the action, on one architecture."""
    program = seccomp.build_program(OWN, machine)
    architecture = ARCHITECTURES[machine]

    def action(call, *args):
        number = NUMBERS[call][architecture.column] if isinstance(call, str) else call
        if number is None:
            pytest.skip(f"{machine} has no {call}")
        return interpret(program, number, args, architecture.audit)

    return action


# --- Tables ---------------------------------------------------------------------------------------


def header_numbers(path, pattern):
    if not path.exists():
        pytest.skip(f"the kernel header {path.name} is not installed")
    return {name: int(number) for name, number in re.findall(pattern, path.read_text(), re.M)}


def known_numbers(column):
    return {name: numbers[column] for name, numbers in NUMBERS.items() if numbers[column] is not None}


def assert_same(ours, theirs):
    # A header older than the newest calls says nothing about them.
    assert {name: number for name, number in ours.items() if theirs.get(name, number) != number} == {}
    assert len(ours.keys() & theirs.keys()) > 0.9 * len(ours)


def test_x86_64_numbers_agree_with_the_kernel_header():
    places = [
        Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        Path("/usr/include/asm/unistd_64.h"),
    ]
    path = next((place for place in places if place.exists()), places[0])
    assert_same(known_numbers(0), header_numbers(path, r"^#define __NR_(\w+) (\d+)$"))


def test_aarch64_numbers_agree_with_the_kernel_header():
    """aarch64 uses the generic table."""
    path = Path("/usr/include/asm-generic/unistd.h")
    theirs = header_numbers(path, r"^#define __NR(?:3264)?_(\w+) (\d+)$")
    theirs["newfstatat"] = theirs.pop("fstatat")
    assert_same(known_numbers(1), theirs)


@pytest.mark.parametrize("column", [0, 1])
def test_no_number_is_listed_twice(column):
    numbers = list(known_numbers(column).values())
    assert len(set(numbers)) == len(numbers)


def test_rules_and_answers_name_listed_calls():
    assert set(RULES) | set(ANSWERS) <= set(NUMBERS)
    assert not set(RULES) & set(ANSWERS)


# --- Actions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", sorted(set(NUMBERS) - set(RULES) - set(ANSWERS)))
def test_listed_call_is_allowed(machine, call):
    number = NUMBERS[call][ARCHITECTURES[machine].column]
    if number is None:
        assert machine == "aarch64"  # which never had the calls that newer ones replace
        return
    program = seccomp.build_program(OWN, machine)
    assert interpret(program, number, (), ARCHITECTURES[machine].audit) == ALLOW


@pytest.mark.parametrize(("call", "code"), ANSWERS.items())
def test_answered_call(filtered, call, code):
    assert filtered(call) == errno.errorcode[code]


THREAD = 0x3D0F00  # strace of pthread_create with glibc
CLONE_NEWUSER, CLONE_NEWNS, CLONE_THREAD, SIGCHLD = 0x1000_0000, 0x2_0000, 0x1_0000, 17
AF_UNIX, AF_INET, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET = 1, 2, 1, 2, 5
SIGNALS = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
CLOEXEC, NONBLOCK = 0o2000000, 0o4000

# (call, arguments) -> action, for both architectures.
CASES = [
    ("clone", (THREAD, 1, 2, 3, 4), ALLOW),
    ("clone", (THREAD | 0x40_0000,), ALLOW),  # musl
    ("clone", (SIGCHLD,), "EPERM"),  # fork
    ("clone", (0x0120_0000 | SIGCHLD,), "EPERM"),  # fork by glibc
    ("clone", (THREAD & ~CLONE_THREAD,), "EPERM"),
    ("clone", (THREAD | CLONE_NEWUSER,), "EPERM"),
    ("clone", (THREAD | CLONE_NEWNS,), "EPERM"),
    ("clone", (THREAD | 1 << 33,), "EPERM"),  # the kernel reads 64 bits
    ("socketpair", (AF_UNIX, SOCK_STREAM, 0), ALLOW),
    ("socketpair", (AF_UNIX, SOCK_STREAM | CLOEXEC | NONBLOCK, 0), ALLOW),
    # An int: the kernel ignores the upper half, too.
    ("socketpair", (AF_UNIX | 1 << 32, SOCK_STREAM, 0), ALLOW),
    ("socketpair", (AF_UNIX, SOCK_DGRAM, 0), "EPERM"),
    ("socketpair", (AF_UNIX, SOCK_SEQPACKET, 0), "EPERM"),
    ("socketpair", (AF_INET, SOCK_STREAM, 0), "EPERM"),
    ("sendto", (5, 0x1000, 3, 0, 0, 0), ALLOW),
    ("sendto", (5, 0x1000, 3, 0, 0x7FFF_1234_5678, 16), "EPERM"),
    ("sendto", (5, 0x1000, 3, 0, 1 << 32, 16), "EPERM"),
    ("sendto", (5, 0x1000, 3, 0x4000, 0, 0), ALLOW),
    ("sendto", (5, 0x1000, 3, 0x4001, 0, 0), "EPERM"),
    ("recvfrom", (5, 0x1000, 3, 0x40, 0, 0), ALLOW),
    ("recvfrom", (5, 0x1000, 3, 1, 0, 0), "EPERM"),
    ("pipe2", (0x1000, CLOEXEC | NONBLOCK), ALLOW),
    ("pipe2", (0x1000, 0o200), "EPERM"),  # O_NOTIFICATION_PIPE
    *(("fcntl", (3, command, 0), ALLOW) for command in (0, 1, 2, 3, 4, 5, 6, 7, 37, 1030)),
    # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY, F_SETPIPE_SZ, F_ADD_SEALS
    *(("fcntl", (3, command, 0), "EPERM") for command in (8, 10, 15, 1024, 1026, 1031, 1033)),
    *(("ioctl", (0, command, 0), ALLOW) for command in (0x5401, 0x5413, 0x541B, 0x5421, 0x5451)),
    # TIOCSTI, TIOCLINUX, TIOCSCTTY, FIOASYNC, FIOSETOWN, TUNSETIFF, FICLONE
    *(
        ("ioctl", (0, command, 0), "EPERM")
        for command in (0x5412, 0x541C, 0x540E, 0x5452, 0x8901, 0x4004_54CA, 0x4004_9409)
    ),
    *(("prctl", (option, 0), ALLOW) for option in (15, 16)),
    # PDEATHSIG, DUMPABLE, SECCOMP, CAPBSET_DROP, MM, PTRACER
    *(("prctl", (option, 0), "EPERM") for option in (1, 4, 22, 24, 35, 0x5961_6D61)),
    ("arch_prctl", (0x1023, 18), ALLOW),
    ("arch_prctl", (0x1002, 0x1000), "EPERM"),  # ARCH_SET_FS
    ("prlimit64", (0, 7, 0, 0x1000), ALLOW),
    ("prlimit64", (OWN, 7, 0, 0), "EPERM"),
    ("prlimit64", (1234, 7, 0, 0), "EPERM"),
    ("sched_setaffinity", (0, 8, 0x1000), ALLOW),
    ("sched_setaffinity", (77, 8, 0x1000), "EPERM"),
    *((call, (OWN, 9), ALLOW) for call in SIGNALS),
    *((call, (2, 9), "EPERM") for call in SIGNALS),
    ("kill", (-1, 9), "EPERM"),
    ("kill", (0, 9), "EPERM"),
    ("kill", (-OWN, 9), "EPERM"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "args", "expected"), CASES)
def test_arguments_decide(machine, call, args, expected):
    number = NUMBERS[call][ARCHITECTURES[machine].column]
    if number is None:
        assert call == "arch_prctl"
        assert machine == "aarch64"
        return
    program = seccomp.build_program(OWN, machine)
    assert interpret(program, number, args, ARCHITECTURES[machine].audit) == expected


def test_every_rule_has_cases_of_both_kinds():
    for call in RULES:
        assert {action for name, _, action in CASES if name == call} == {ALLOW, "EPERM"}


# Numbers on x86-64 and aarch64, from the headers named in seccomp.py. None: the call does not exist
# there.
REFUSED = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "sendmsg": (46, 211),
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "kcmp": (312, 272), "tkill": (200, 130),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_setup": (206, 0),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "mount_setattr": (442, 442), "personality": (135, 92),
    "setuid": (105, 146), "setresuid": (117, 147), "setgroups": (116, 159), "capset": (126, 91),
    "setsid": (112, 157), "setpgid": (109, 154), "setrlimit": (160, 164), "seccomp": (317, 277),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "mknodat": (259, 33),
    "init_module": (175, 105), "kexec_load": (246, 104), "reboot": (169, 142),
    "syslog": (103, 116),
    "swapon": (167, 224), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "sethostname": (170, 161), "vmsplice": (278, 75), "splice": (275, 76),
    "fanotify_init": (300, 262),
    "inotify_init1": (294, 26), "migrate_pages": (256, 238), "iopl": (172, None),
    "modify_ldt": (154, None), "sched_setscheduler": (144, 119), "setpriority": (141, 140),
    "landlock_restrict_self": (446, 446),
}  # fmt: skip


@pytest.mark.parametrize("call", REFUSED)
def test_dangerous_call_is_refused(machine, call):
    number = REFUSED[call][ARCHITECTURES[machine].column]
    assert call not in NUMBERS
    if number is not None:
        program = seccomp.build_program(OWN, machine)
        assert interpret(program, number, (1, 1), ARCHITECTURES[machine].audit) == "EPERM"


def test_everything_else_is_refused(filtered, machine):
    """Every number up to the newest reviewed one, not only those with a name here."""
    listed = set(known_numbers(ARCHITECTURES[machine].column).values())
    for number in set(range(seccomp.NEWEST_REVIEWED + 1)) - listed:
        assert filtered(number) == "EPERM"


@pytest.mark.parametrize("number", [452, 462, 1000, 0x3FFF_FFFF])
def test_calls_newer_than_the_list_do_not_exist(filtered, number):
    assert filtered(number) == "ENOSYS"


@pytest.mark.parametrize("number", [0, 1, 520])
def test_x32_numbers_kill(number):
    program = seccomp.build_program(OWN, "x86_64")
    assert interpret(program, 0x4000_0000 | number, (), ARCHITECTURES["x86_64"].audit) == KILL


# i386, 32-bit ARM, x86-64 on aarch64 and the other way round.
@pytest.mark.parametrize("audit", [0x4000_0003, 0x4000_0028, 0xC000_003E, 0xC000_00B7, 0])
def test_foreign_architecture_kills(machine, audit):
    if audit == ARCHITECTURES[machine].audit:
        audit = 0xC000_00F3  # riscv64
    program = seccomp.build_program(OWN, machine)
    for number in (0, 1, 60, 63, 93):
        assert interpret(program, number, (), audit) == KILL


@pytest.mark.parametrize("own", [1, 4711, 4_000_000])
def test_only_the_given_pid_may_be_signalled(machine, own):
    program = seccomp.build_program(own, machine)
    number, audit = NUMBERS["kill"][ARCHITECTURES[machine].column], ARCHITECTURES[machine].audit
    assert interpret(program, number, (own, 9), audit) == ALLOW
    assert interpret(program, number, (own + 1, 9), audit) == "EPERM"


def test_without_a_pid_nobody_may_be_signalled(machine):
    program = seccomp.build_program(None, machine)
    number, audit = NUMBERS["kill"][ARCHITECTURES[machine].column], ARCHITECTURES[machine].audit
    for pid in (0, 1, -1, 4711):
        assert interpret(program, number, (pid, 9), audit) == "EPERM"


def test_unknown_machine_is_an_error():
    with pytest.raises(OSError, match="riscv64"):
        seccomp.build_program(1, "riscv64")


def test_program_fits_the_kernel(machine):
    assert len(seccomp.build_program(1, machine)) // 8 <= 4096  # BPF_MAXINSNS


# --- The kernel -----------------------------------------------------------------------------------


def test_kernel_agrees(user):
    """The same answers from the kernel, for calls whose effect is harmless either way."""
    if not user.probe()["seccomp"][0]:
        pytest.skip(f"seccomp is not available: {user.probe()['seccomp'][1]}")
    code = """
import ctypes, errno, json, os
from autograder.sandbox import libc, seccomp
from autograder.sandbox.seccomp import NUMBERS, ARCHITECTURES
column = ARCHITECTURES[os.uname().machine].column
libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
seccomp.install(seccomp.build_program(os.getpid()))
def ask(number, *args):
    try: libc.syscall("", number, *args)
    except OSError as error: return errno.errorcode[error.errno]
    return "ok"
own = os.getpid()
named = lambda name, *args: ask(NUMBERS[name][column], *args)
print(json.dumps([
    named("getpid"), named("kill", own, 0), named("kill", os.getppid(), 0),
    named("kill", -1, 0),
    named("clone3", 0, 0), named("openat2", 0, 0, 0, 0), named("fcntl", 0, 8, own),
    named("fcntl", 0, 1), named("prctl", 4, 1), named("ioctl", 0, 0x5412, 0),
    named("pipe2", 0, 0o200), ask(1000),
]))
"""
    assert user.evaluate(code) == [
        "ok", "ok", "EPERM", "EPERM", "ENOSYS", "ENOSYS", "EPERM", "ok",
        "EPERM", "EPERM", "EPERM", "ENOSYS",
    ]  # fmt: skip


def test_kernel_kills_x32_numbers(user):
    if "x86_64" not in (found := user.probe()["seccomp"])[1]:
        pytest.skip(f"needs seccomp on x86-64: {found[1]}")
    code = """
import json, os, signal
from autograder.sandbox import libc, seccomp
child = os.fork()
if child == 0:
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.install(seccomp.build_program(os.getpid()))
    try: libc.syscall("", 0x4000_0000 | 39)
    finally: os._exit(0)
print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGSYS))
"""
    assert user.evaluate(code) is True


# --- What must go on working in a job -------------------------------------------------------------

WORKS = {
    "numpy": "import numpy as np; a = np.ones((300, 300)); result = float((a @ a)[0, 0]) == 300",
    "numpy files": """
import numpy as np
np.save("a.npy", np.arange(3))
m = np.memmap("m", dtype="f4", mode="w+", shape=(10,)); m[:] = 1; m.flush()
again = np.memmap("m", dtype="f4", mode="r")
result = [int(np.load("a.npy").sum()), float(again.sum())] == [3, 10]
""",
    "torch": """
import torch
a = torch.ones(300, 300)
result = float((a @ a)[0, 0]) == 300
""",
    "two torch threads": """
import torch
torch.set_num_threads(2)
a = torch.ones(400, 400, requires_grad=True)
(a @ a).sum().backward()
result = torch.get_num_threads() == 2 and float(a.grad[0, 0]) == 800
""",
    "layers of a network": """
import torch
x = torch.ones(2, 3, 16, 16)
y = torch.nn.Conv2d(3, 4, 3)(x)
z, _ = torch.nn.LSTM(4, 5)(y.mean((2, 3))[None])
a, _ = torch.nn.MultiheadAttention(5, 1)(z, z, z)
model = torch.nn.Linear(5, 1); optimizer = torch.optim.Adam(model.parameters())
model(a).sum().backward(); optimizer.step()
result = list(a.shape) == [1, 2, 5]
""",
    "torch files": """
import torch
torch.save(torch.ones(3), "t")
result = float(torch.load("t").sum()) == 3
""",
    "data loader": """
import torch
result = len(list(torch.utils.data.DataLoader(range(10), batch_size=5, shuffle=True))) == 2
""",
    "figure": """
import matplotlib.pyplot as plt, os
plt.figure(); plt.plot([1, 2]); plt.title("$x^2$")
plt.savefig("f.png"); plt.savefig("f.pdf"); plt.close()
result = min(os.path.getsize("f.png"), os.path.getsize("f.pdf")) > 1000
""",
    "temporary files": """
import tempfile
with tempfile.NamedTemporaryFile() as one, tempfile.TemporaryDirectory() as two:
    with tempfile.TemporaryFile() as three:
        result = len({one.name, two}) == 2 and three.writable()
""",
    "copies": """
import os, shutil
open("a", "w").write("x"); shutil.copy2("a", "b"); os.mkdir("d")
shutil.copytree("d", "e"); shutil.move("b", "d"); shutil.make_archive("z", "zip", "d")
shutil.rmtree("d")
result = sorted(os.listdir(".")) == ["a", "e", "z.zip"]
""",
    "asyncio": """
import asyncio
async def add(a, b):
    await asyncio.sleep(0)
    return a + b
async def main():
    return await asyncio.gather(add(1, 2), asyncio.to_thread(sum, [3, 4]))
result = asyncio.run(main()) == [3, 7]
""",
    "thread pool": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    result = list(pool.map(abs, [-1, -2, -3])) == [1, 2, 3]
""",
    "time": """
import datetime, random, secrets, time, uuid
time.sleep(0); time.perf_counter(); datetime.datetime.now()
uuid.uuid4(); secrets.token_hex(); random.seed()
result = True
""",
    "alarm": """
import signal
seen = []
signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.001)
while not seen: pass
result = True
""",
    "lazy imports": """
import sqlite3, xml.dom.minidom, multiprocessing, http.client, ssl
result = True
""",
    "zone": "import zoneinfo; result = zoneinfo.ZoneInfo('UTC').key == 'UTC'",
    "limits": """
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
result = resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
""",
}

# Refused, and how the student sees it.
REFUSED_IN_JOBS = {
    "subprocess": ("import subprocess; subprocess.run(['true'])", "PermissionError"),
    "processes": (
        "import multiprocessing as m; m.Pool(1)",
        "(PermissionError|FileNotFoundError|OSError)",
    ),
    "download": (
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')",
        "URLError.*Operation not permitted",
    ),
    "workers": (
        "import torch; list(torch.utils.data.DataLoader(range(4), num_workers=1))",
        "(PermissionError|RuntimeError|OSError|FileNotFoundError)",
    ),
}


@pytest.fixture(scope="module")
def replies():
    """Replies of one zygote with the usual libraries, per user: importing them takes seconds."""
    found = {}

    def run(user):
        if user not in found:
            sources = [*WORKS.values(), *(source for source, _ in REFUSED_IN_JOBS.values())]
            imports = ["numpy", "torch", "matplotlib.pyplot", "torch._dynamo"]
            answers = user.jobs(sources, user.active(), imports=imports)
            found[user] = dict(zip([*WORKS, *REFUSED_IN_JOBS], answers, strict=True))
        return found[user]

    return run


@pytest.mark.parametrize("name", WORKS)
def test_honest_work_goes_on_behind_all_layers(user, replies, name):
    assert replies(user)[name] == {"result": True}


@pytest.mark.parametrize("name", REFUSED_IN_JOBS)
def test_refusal_is_an_ordinary_error_in_the_cell(user, replies, name):
    assert re.match(REFUSED_IN_JOBS[name][1], replies(user)[name]["error"], re.S)
