"""Each layer stops what it is said to stop, for root and for an ordinary user, and a missing one is noticed."""

from __future__ import annotations

import ast
import inspect
import json
import os
import pwd
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from autograder.errors import GraderError, UsageError
from autograder.sandbox import cgroups, jail, layers, limits, probe
from autograder.sandbox.layers import LAYERS, NAMES, LayerStatus, decide

# The layers that one kind of user has no use for, or that the host grants to root only.
NOT_FOR = {"root": {"user-namespace"}, "plain": {"separate-uid", "cgroup"}}


@pytest.fixture(autouse=True)
def nothing_ahead(monkeypatch):
    """No command has begun to try the layers before."""
    monkeypatch.setattr(layers, "_ahead", [])


def test_a_probe_that_was_begun_is_taken_once():
    layers.probe_ahead()
    begun = layers._ahead[0]
    layers.probe_ahead()  # a second one would be for nothing
    assert layers._ahead == [begun]
    left_out = layers.probe_layers(frozenset({"seccomp"}))
    assert not left_out["seccomp"].active
    assert layers._ahead == [begun]
    assert layers.probe_layers() is begun.result()
    assert layers._ahead == []


def requires(user, *names):
    """Skip, with the reason of the probe, if this host does not offer the layers `names` to this user."""
    for name in names:
        active, detail = user.probe()[name]
        if not active:
            pytest.skip(f"{name} is not available to {user.kind} on this host: {detail}")


# --- The list of layers ---------------------------------------------------------------------------


def test_every_layer_has_a_probe():
    assert set(probe.PROBES) == NAMES
    assert len(LAYERS) == len(NAMES)


def test_layers_refer_only_to_layers():
    for layer in LAYERS:
        layers.check_names((*layer.covered_by, *layer.needs))
    for rule in layers.RULES:
        layers.check_names((*rule.missing, *rule.unless))


def test_needed_layers_come_first():
    order = [layer.name for layer in LAYERS]
    for layer in LAYERS:
        for needed in layer.needs:
            assert order.index(needed) < order.index(layer.name)


def test_jail_asks_for_known_layers_only():
    """A misspelt name in `"..." in active` would silently leave a wall out."""
    asked = {
        node.left.value
        for node in ast.walk(ast.parse(inspect.getsource(jail)))
        if isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Constant)
        and any(isinstance(other, ast.Name) and other.id == "active" for other in node.comparators)
    }
    asked |= {name for name, _ in jail._NAMESPACES}
    assert asked <= NAMES
    # The grader, not the zygote, uses these two.
    assert asked == NAMES - {"cgroup", "pidfd"}


def test_unknown_layer_is_an_error():
    with pytest.raises(GraderError, match="landluck"):
        layers.probe_layers(frozenset({"landluck"}))
    with pytest.raises(GraderError, match="seccomb"):
        jail.early(frozenset({"seccomb"}))


# --- The probe ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(NAMES))
def test_layer_bites_on_this_host(user, name):
    """The probe itself tries what the layer should stop, and says why a layer is not there."""
    active, detail = user.probe()[name]
    if active:
        return
    assert detail
    pytest.skip(f"{name} is not available to {user.kind} on this host: {detail}")


def test_user_namespace_and_separate_uid_exclude_each_other(user):
    assert not {"user-namespace", "separate-uid"} <= user.active()


def test_environment_cannot_weaken_the_probe(user, tmp_path):
    fake = tmp_path / "autograder" / "sandbox"
    fake.mkdir(parents=True)
    (fake / "probe.py").write_text("def main(): print('{}')\n")
    tmp_path.chmod(0o755)
    code = (
        "import json, os, sys; from autograder.sandbox import layers;"
        "os.environ['PYTHONPATH'] = sys.argv[1]; os.chdir('/');"
        "print(json.dumps(sorted(layers.active_layers(layers.probe_layers()))))"
    )
    assert user.evaluate(code, str(tmp_path)) == sorted(user.active())


def test_probe_leaves_nothing_behind(user):
    code = (
        "import glob, json, os, tempfile; from autograder.sandbox import layers;"
        "place = tempfile.mkdtemp(); os.environ['TMPDIR'] = place; layers.probe_layers();"
        "print(json.dumps(os.listdir(place))); os.rmdir(place)"
    )
    assert user.evaluate(code) == []


def test_simulated_loss_takes_dependent_layers_along(user):
    found = user.probe({"no-new-privs"})
    assert not found["no-new-privs"][0]
    for name in ("landlock", "landlock-network", "landlock-scope", "seccomp"):
        assert found[name] == (False, f"needs {'landlock' if '-' in name else 'no-new-privs'}")


def test_probe_that_breaks_is_an_error_of_the_grader(monkeypatch, tmp_path):
    interpreter = tmp_path / "python"
    interpreter.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(GraderError, match=r"status 3: broken"):
        layers.probe_layers()


def test_other_systems_have_no_layers(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    statuses = layers.probe_layers()
    assert set(statuses) == NAMES
    assert not layers.active_layers(statuses)
    assert not decide(statuses).acceptable


# --- Attacks: refused behind all walls, and possible without the walls said to stop them ----------


@dataclass(frozen=True)
class Attack:
    """A source that sets `result` to True if it got through, and the layers that stop it."""

    source: str
    stopped_by: tuple[str, ...]


# In the sources, {directory} holds `secret` (mode 600) and `tree` (shown to jobs), both of the user
# who grades; {victim} is the pid of a process of that user; {port} is a port on which somebody
# listens.
ATTACKS = {
    "read a file": Attack(
        "result = open('{directory}/secret').read() == 'secret'",
        ("read-only-root", "landlock", "separate-uid"),
    ),
    "ask for a file": Attack("import os; result = os.path.exists('{directory}/secret')", ("read-only-root",)),
    "list processes": Attack("import os; result = bool(os.listdir('/proc'))", ("read-only-root", "landlock")),
    "write into a library": Attack(
        "open('{directory}/tree/new', 'w').close(); result = True",
        ("read-only-root", "landlock", "separate-uid"),
    ),
    "write elsewhere": Attack(
        "import os; os.close(os.open('/tmp', os.O_TMPFILE | os.O_WRONLY)); result = True",
        ("read-only-root", "landlock"),
    ),
    "fill the disk": Attack(
        "for n in range(4): open(str(n), 'wb').write(bytes(2**20 // 2))\nresult = True",
        ("scratch-quota",),
    ),
    "write a huge file": Attack("open('f', 'wb').write(bytes(2**21)); result = True", ("scratch-quota", "rlimits")),
    "make a socket": Attack("import socket; socket.socket(); result = True", ("seccomp",)),
    "connect": Attack(
        "import socket; socket.create_connection(('127.0.0.1', {port})); result = True",
        ("seccomp", "network-namespace", "landlock-network"),
    ),
    "abstract socket": Attack(
        "import socket; s = socket.socket(socket.AF_UNIX)\ns.connect('\\0{abstract}'); result = True",
        ("seccomp", "network-namespace", "landlock-scope"),
    ),
    "signal the grader": Attack(
        "import os; os.kill({victim}, 0); result = True",
        ("seccomp", "pid-namespace", "landlock-scope", "separate-uid"),
    ),
    "signal by descriptor owner": Attack(
        "import fcntl, os, struct\n"
        "reader, writer = os.pipe()\n"
        "fcntl.fcntl(reader, 15, struct.pack('ii', 1, {victim})); result = True",
        ("seccomp", "pid-namespace"),
    ),
    "fork": Attack(
        "import os\npid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0); result = True",
        ("seccomp",),
    ),
    "run a program": Attack(
        "import os; os.execv('{program}', ['{program}', '-c', 'pass'])",
        ("seccomp", "landlock"),
    ),
    "many threads": Attack(
        "import threading\n"
        "stop = threading.Event()\n"
        "for _ in range(30): threading.Thread(target=stop.wait, daemon=True).start()\n"
        "stop.set(); result = True",
        ("rlimits",),
    ),
    "much memory": Attack("result = bool(bytearray(2**29))", ("rlimits",)),
    "memory file": Attack("import os; os.memfd_create('m'); result = True", ("seccomp",)),
    "shared memory": Attack("import ctypes; result = ctypes.CDLL(None).shmget(0, 4096, 0o1600) != -1", ("seccomp",)),
    "many descriptors": Attack("import os\nfor _ in range(40): os.open('/dev/null', 0)\nresult = True", ("rlimits",)),
    "descriptors of the zygote": Attack(
        "import os\n"
        "def is_open(fd):\n"
        "    try: os.fstat(fd)\n"
        "    except OSError: return False\n"
        "    return True\n"
        "result = sum(map(is_open, range(100))) > 4",
        ("close-descriptors",),
    ),
    "name of the host": Attack("import os; result = os.uname().nodename != 'sandbox'", ("uts-namespace",)),
    "make a namespace": Attack(
        "import ctypes; result = ctypes.CDLL(None).unshare(0x0002_0000) == 0",
        ("seccomp", "capabilities", "separate-uid"),
    ),
    "share a session": Attack("import os; result = os.getsid(0) != os.getpid()", ("session",)),
    "trust in set-uid programs": Attack(
        "import ctypes; result = ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) == 0",
        ("no-new-privs",),
    ),
}

SETTING = """
import json, os, socket, sys, tempfile
sys.path.insert(0, sys.argv[1])
import in_jail
place = tempfile.mkdtemp()
os.mkdir(place + "/tree")
with open(os.open(place + "/secret", os.O_CREAT | os.O_WRONLY, 0o600), "w") as stream:
    stream.write("secret")
os.chmod(place, 0o755)
tcp, local = socket.socket(), socket.socket(socket.AF_UNIX)
tcp.bind(("127.0.0.1", 0)); tcp.listen()
name = "autograder-test-" + str(os.getpid())
local.bind("\\0" + name); local.listen()
request = json.load(sys.stdin)
program = os.path.realpath(sys.executable)
values = dict(directory=place, port=tcp.getsockname()[1], victim=os.getpid())
values |= dict(abstract=name, program=program)
for old in list(values):
    request["sources"] = [s.replace("{" + old + "}", str(values[old])) for s in request["sources"]]
request["trees"] = [place + "/tree", os.path.dirname(program)]
os.dup2(os.dup(1), 50)  # a descriptor that nobody meant to hand on
os.set_inheritable(50, True)
sys.stdin = __import__("io").StringIO(json.dumps(request))
try:
    in_jail.main()
finally:
    __import__("shutil").rmtree(place)
"""


def closure(names):
    """`names` and all layers that need one of them."""
    gone = set(names)
    for layer in LAYERS:  # needed layers come first
        if gone.intersection(layer.needs):
            gone.add(layer.name)
    return gone


def attack(user, source, active):
    """The reply of one job that runs `source` behind the layers `active`."""
    request = {
        "sources": [source],
        "active": sorted(active),
        # 400 MiB: less than the attack on memory takes, more than 30 stacks of 8 MiB need.
        "limits": {"scratch_mib": 1, "memory_mib": 400, "open_files": 32, "processes": 8},
    }
    output = user.run("-c", SETTING, str(Path(__file__).parent), text=json.dumps(request))
    (reply,) = json.loads(output)
    assert "jail" not in reply, reply
    return reply


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_behind_all_layers(user, name):
    requires(user, *(set(ATTACKS[name].stopped_by) - NOT_FOR[user.kind]))
    reply = attack(user, ATTACKS[name].source, user.active())
    assert reply.get("result") is not True, reply
    assert "exit" not in reply, "the job ended, so the attack was not tried"


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_works_without_the_layers_that_stop_it(user, name):
    """Otherwise the test above proves nothing."""
    reply = attack(user, ATTACKS[name].source, user.active() - closure(ATTACKS[name].stopped_by))
    if name == "run a program":
        assert reply == {"exit": 0}
    else:
        assert reply == {"result": True}


@pytest.mark.parametrize(
    ("name", "layer"),
    [(name, layer) for name, attack in ATTACKS.items() for layer in attack.stopped_by],
)
def test_one_layer_alone_stops_the_attack(user, name, layer):
    others = set(ATTACKS[name].stopped_by) - {layer}
    if layer in NOT_FOR[user.kind]:
        pytest.skip(f"{layer} is not meant for {user.kind}")
    requires(user, layer)
    reply = attack(user, ATTACKS[name].source, user.active() - others)
    assert reply.get("result") is not True, reply
    assert "exit" not in reply


# --- Jobs behind fewer layers ---------------------------------------------------------------------

HONEST = """
import os, tempfile, threading
with tempfile.NamedTemporaryFile("w+") as stream:
    stream.write("x"); stream.seek(0); text = stream.read()
worker = threading.Thread(target=lambda: None); worker.start(); worker.join()
import statistics, decimal, unicodedata
at_home = os.getcwd() == os.environ["HOME"] == os.environ["TMPDIR"]
result = [text, at_home, statistics.mean([1, 3]), os.listdir(".")]
"""


@pytest.mark.parametrize("missing", ["", *sorted(NAMES)])
def test_honest_jobs_run_whatever_layer_is_missing(user, missing):
    active = user.active({missing} - {""})
    assert missing not in active
    replies = user.jobs([HONEST, HONEST, "result = 1/0"], active)
    assert replies[:2] == [{"result": ["x", True, 2, []]}] * 2
    assert replies[2] == {"error": "ZeroDivisionError: division by zero"}


def test_jobs_find_no_files_of_earlier_jobs(user):
    sources = ["open('left', 'w').close(); result = 1", "import os; result = os.listdir('.')"]
    for missing in (set(), {"scratch-quota"}):
        assert user.jobs(sources, user.active(missing)) == [{"result": 1}, {"result": []}]


@pytest.mark.parametrize(
    ("claimed", "without"),
    [
        ("separate-uid", ""),
        ("landlock", "no-new-privs"),
        ("seccomp", "no-new-privs"),
        ("read-only-root", "user-namespace"),
        ("pid-namespace", "user-namespace"),
    ],
)
def test_layer_that_fails_in_a_job_is_never_ignored(ordinary_user, claimed, without):
    active = ordinary_user.active({without} - {""}) | {claimed}
    (reply,) = ordinary_user.jobs(["result = 1"], active)
    assert set(reply) == {"jail"}


def test_death_of_the_stub_ends_zygote_and_job(user):
    """Nothing may hold the pipe open: neither the zygote in its pid namespace, nor the job in its own."""
    requires(user, "pid-namespace", "parent-death-signal")
    code = """
import json, os, signal, sys
from autograder.sandbox import jail
active = frozenset(sys.argv[1:])
alive, held = os.pipe()
ready, job_ready = os.pipe()
zygote = os.fork()
if zygote == 0:
    before = jail.early(active)
    state = jail.confine_zygote(active, before, trees=jail.allowed_trees())
    if jail.fork_job(state) == 0:
        os.write(job_ready, b"x")
        signal.alarm(60)  # should the test fail, nothing must stay
    while True: signal.pause()
os.close(held)
assert os.read(ready, 1) == b"x"
os.kill(zygote, signal.SIGKILL)
os.waitpid(zygote, 0)
print(json.dumps(os.read(alive, 1).decode()))  # ends when the last holder is gone
"""
    active = user.active() & {"user-namespace", "pid-namespace", "parent-death-signal"}
    assert user.evaluate(code.replace("trees=jail.allowed_trees()", "trees=(), private='/'"), *active) == ""


def test_processor_time_ends_a_job(user):
    requires(user, "rlimits")
    code = """
import json, os, resource, sys
from autograder.sandbox.limits import Limits, apply_rlimits
job = os.fork()
if job == 0:
    apply_rlimits(Limits(), 0, cpu_s=0.1, count_processes=False)
    while True: pass
print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])))
"""
    assert user.evaluate(code) == -signal.SIGKILL


# --- Older kernels, and groups --------------------------------------------------------------------

OLD_KERNEL = """
import errno, json, os, sys, tempfile
from autograder.sandbox import libc, probe
real = libc.syscall
def old(name, *args):
    if name in ("mount_setattr", "close_range"): raise OSError(errno.ENOSYS, "not implemented")
    return real(name, *args)
libc.syscall = old
with tempfile.TemporaryDirectory() as place: found = probe.survey(place, frozenset())
print(json.dumps({name: list(status) for name, status in found.items()}))
"""


@pytest.mark.parametrize("name", ["read-only-root", "close-descriptors", "scratch-quota"])
def test_kernels_without_the_newest_calls_have_the_same_walls(user, name):
    requires(user, name)
    assert user.evaluate(OLD_KERNEL)[name] == [True, ""]


def test_group_is_removed_and_counts(user):
    requires(user, "cgroup")
    code = """
import json, os
from autograder.sandbox import cgroups
group = cgroups.create(f"autograder-test-{os.getpid()}")
try:
    group.limit(64 * 2**20, 7)
    start, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(start, 1)
        os._exit(0)
    group.add(child)
    with open(group.memory + "/cgroup.procs") as stream: inside = stream.read().split()
    os.write(go, b"x")
    os.waitpid(child, 0)
    result = [inside == [str(child)], group.out_of_memory_kills()]
finally:
    group.remove()
print(json.dumps([*result, os.path.exists(group.memory)]))
"""
    assert user.evaluate(code) == [True, 0, False]


def test_host_without_groups_says_so(monkeypatch):
    monkeypatch.setattr(cgroups, "own_directories", lambda controller: [])
    with pytest.raises(OSError, match="no control group file system"):
        cgroups.create("x")


def test_group_of_version_2_is_made_where_memory_is_delegated(monkeypatch, tmp_path):
    """Files instead of the kernel: only which of them are used, and with what, is tested here."""
    own = tmp_path / "slice" / "own"
    own.mkdir(parents=True)
    (own / "cgroup.subtree_control").mkdir()  # cannot be written to: it holds processes
    (own.parent / "cgroup.subtree_control").write_text("cpu memory pids")
    where = {"memory": [], "": [str(own)]}
    monkeypatch.setattr(cgroups, "own_directories", where.__getitem__)
    group = cgroups.create("slot")
    directory = own.parent / "slot"
    assert (group.version, group.memory) == (2, str(directory))
    for file in ("pids.max", "memory.swap.max"):
        (directory / file).touch()
    (directory / "memory.events").write_text("low 0\noom_kill 3\n")
    group = replace(group, pids=group.memory)
    group.limit(1000, 7)
    group.add(42)
    found = {path.name: path.read_text() for path in directory.iterdir()}
    found.pop("memory.events")
    assert found == {
        "memory.max": "1000",
        "memory.swap.max": "0",
        "pids.max": "7",
        "cgroup.procs": "42",
    }
    assert group.out_of_memory_kills() == 3


def test_groups_of_graders_that_are_gone_are_removed_and_no_others(monkeypatch, tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ours = cgroups.new_name()
    kept = {
        "alive": ours,
        "of another pid namespace": f"autograder-{gone.pid}-1-0a",
        "of something else": f"student-{gone.pid}",
    }
    left = ours.replace(f"-{os.getpid()}-", f"-{gone.pid}-")
    busy = left + "0"
    for name in (left, f"{busy}/inner", *kept.values()):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(
        cgroups, "own_directories", lambda controller: [str(tmp_path)] if controller == "memory" else []
    )
    cgroups.sweep()
    assert {path.name for path in tmp_path.iterdir()} == {busy, *kept.values()}


def test_what_can_be_removed_of_a_group_is(tmp_path):
    memory, pids = tmp_path / "memory", tmp_path / "pids"
    (memory / "inner").mkdir(parents=True)
    pids.mkdir()
    with pytest.raises(OSError, match="not empty"):
        cgroups.SlotGroup(1, str(memory), str(pids)).remove()
    assert not pids.exists()


@pytest.mark.parametrize("seed", [0, 1, 605, 606, 123456])
def test_uid_of_jobs_belongs_to_nobody(seed):
    uid = jail.unused_uid(seed)
    assert uid in jail._FREE_UIDS
    with pytest.raises(KeyError):
        pwd.getpwuid(uid)


def test_uids_of_accounts_are_left_out(monkeypatch):
    taken = {jail._FREE_UIDS[0], jail._FREE_UIDS[1]}

    def look_up(uid):
        if uid not in taken:
            raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", look_up)
    assert jail.unused_uid(0) == jail._FREE_UIDS[2]
    taken |= set(jail._FREE_UIDS)
    with pytest.raises(GraderError, match="belongs to an account"):
        jail.unused_uid(0)


# --- What a job may read --------------------------------------------------------------------------


def test_allowed_trees_hold_the_interpreter_and_no_link_is_lost():
    trees = [os.path.realpath(tree) for tree in jail.allowed_trees()]
    for module in (os, pytest, sys.modules["json"]):
        assert any(jail.namespaces.inside(os.path.realpath(module.__file__), tree) for tree in trees)
    assert "/" not in trees
    assert os.path.realpath(Path.home()) not in trees


def test_nested_trees_are_left_out(tmp_path):
    (tmp_path / "data" / "inner").mkdir(parents=True)
    inner, outer = str(tmp_path / "data" / "inner"), str(tmp_path / "data")
    trees = jail.allowed_trees([inner, outer, str(tmp_path / "absent")])
    assert outer in trees
    assert inner not in trees


@pytest.mark.parametrize("inside", ["tree", "tree/course", "link/course"])
def test_course_in_a_readable_tree_is_refused(tmp_path, inside):
    (tmp_path / "tree" / "course").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "tree")
    with pytest.raises(UsageError, match="hidden tests included"):
        jail.refuse_if_inside([str(tmp_path / inside)], [str(tmp_path / "tree")])


@pytest.mark.parametrize("outside", [".", "tree-2", "other/course"])
def test_course_beside_a_readable_tree_is_accepted(tmp_path, outside):
    (tmp_path / "tree").mkdir()
    jail.refuse_if_inside([str(tmp_path / outside)], [str(tmp_path / "tree")])


def test_trees_closed_to_the_uid_of_jobs_are_refused(tmp_path):
    tree = tmp_path / "home" / "lib"
    tree.mkdir(parents=True)
    tree.parent.chmod(0o700)
    tree.chmod(0o755)
    jail.check_open([str(tree)], own_root=True)
    with pytest.raises(UsageError, match=r"home|tmp.* is closed to other users"):
        jail.check_open([str(tree)], own_root=False)
    tree.chmod(0o700)
    with pytest.raises(UsageError, match="lib is closed to other users"):
        jail.check_open([str(tree)], own_root=True)


# --- Clean-up after hostile jobs ------------------------------------------------------------------


def test_private_directory_is_removed_without_following_links(user):
    code = """
import json, os, tempfile
from autograder.sandbox import jail
keep = tempfile.mkdtemp()
open(keep + "/precious", "w").close()
private = jail.make_private_directory()
os.chdir(private)
for name in ("a", "a/b", "a/b/c"): os.mkdir(name)
open("a/b/c/file", "w").close()
os.symlink(keep, "a/b/link"); os.symlink(keep, "link")
os.symlink(keep + "/precious", "a/file-link")
os.mkfifo("fifo")
for name in ("a/b/c", "a/b", "a"): os.chmod(name, 0)
deep = os.open(".", os.O_RDONLY)
for _ in range(3000):
    os.mkdir("d", dir_fd=deep)
    below = os.open("d", os.O_RDONLY, dir_fd=deep)
    os.close(deep); deep = below
os.close(deep)
os.chdir("/")
jail.remove_private_directory(private)
print(json.dumps([os.path.lexists(private), os.listdir(keep)]))
os.unlink(keep + "/precious"); os.rmdir(keep)
"""
    assert user.evaluate(code) == [False, ["precious"]]


def test_private_directory_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(NotADirectoryError):
        jail.remove_private_directory(str(tmp_path / "link"))
    assert (tmp_path / "target").is_dir()


# --- Limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"step_s": 0},
        {"step_s": -1.0},
        {"submission_s": float("nan")},
        {"submission_s": float("inf")},
        {"memory_mib": 0.5},
        {"memory_mib": True},
        {"scratch_mib": "64"},
        {"open_files": 3},
        {"step_s": 61.0},
    ],
    ids=str,
)
def test_impossible_limits_are_refused(values):
    with pytest.raises(UsageError, match=next(iter(values))):
        limits.Limits(**values)


def test_rlimits_follow_from_limits():
    values = limits.rlimits(limits.Limits(memory_mib=2, processes=7), 1000, 1.2)
    assert values["RLIMIT_AS"] == 1000 + 2 * 2**20
    assert values["RLIMIT_CPU"] == 2
    assert values["RLIMIT_NPROC"] == 7
    assert "RLIMIT_AS" not in limits.rlimits(limits.Limits(), 0, 1.0)
    assert "RLIMIT_NPROC" not in limits.rlimits(limits.Limits(), 0, 1.0, count_processes=False)


# --- The policy -----------------------------------------------------------------------------------

NAMESPACES = {
    "user-namespace", "pid-namespace", "network-namespace", "ipc-namespace", "uts-namespace",
    "read-only-root", "scratch-quota",
}  # fmt: skip
LANDLOCK = {"landlock", "landlock-network", "landlock-scope"}


def host(*missing):
    """Statuses of a host without the layers in the sets `missing`."""
    gone = set().union(*missing)
    layers.check_names(gone)
    return {name: LayerStatus(name, name not in gone, "") for name in NAMES}


# Missing layers -> acceptable?, a word of the refusals or warnings. The table at the end of the
# study, row by row.
@pytest.mark.parametrize(
    ("missing", "acceptable", "word"),
    [
        ((), True, ""),
        ((NAMESPACES,), True, "how large it is"),
        ((NAMESPACES,), True, "not in all"),
        ((LANDLOCK,), True, ""),
        (({"landlock-network"},), True, ""),
        (({"landlock-scope", "landlock-network"},), True, ""),
        ((NAMESPACES, LANDLOCK), True, "take that right"),
        ((NAMESPACES, LANDLOCK, {"separate-uid"}), False, "neither namespaces nor Landlock"),
        (({"seccomp"},), True, "only a count limits its processes"),
        (({"seccomp"}, LANDLOCK), False, "system call filter"),
        (({"seccomp"}, NAMESPACES), False, "system call filter"),
        (({"seccomp", "network-namespace"},), False, "system call filter"),
        (({"cgroup"},), True, ""),
        (({"pidfd"},), True, ""),
        (({"rlimits"},), False, "processor time"),
        (({"close-descriptors"},), False, "control channel"),
        ((NAMES,), False, "neither namespaces nor Landlock"),
    ],
)
def test_policy(missing, acceptable, word):
    decision = decide(host(*missing))
    assert decision.acceptable is acceptable
    assert bool(decision.refusals) is not acceptable
    told = decision.refusals if not acceptable else decision.warnings
    assert word in " ".join(told)
    if acceptable and not word:
        assert not decision.warnings
    # The operator's word lets it through, and the reason stays in the report.
    trusted = decide(host(*missing), trust=True)
    assert trusted.acceptable
    assert not trusted.refusals
    assert set(trusted.warnings) == {*decision.refusals, *decision.warnings}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_missing_layer_is_told(name):
    decision = decide(host({name}))
    assert any(line.startswith(name) for line in (*decision.warnings, *decision.notes))


def test_policy_accepts_this_host(user):
    statuses = {name: LayerStatus(name, *found) for name, found in user.probe().items()}
    requires(user, *(NAMES - NOT_FOR[user.kind]))
    decision = decide(statuses)
    assert decision.acceptable
    assert not decision.warnings
