"""Landlock: what is listed stays possible, all else is refused, on every version of its ABI."""

from __future__ import annotations

import pytest

from autograder.sandbox import landlock

# A child's source; its argument is the ABI to pretend (0: the real one). Prints how attempts end.
ATTEMPTS = """
import json, os, shutil, socket, sys, tempfile
from autograder.sandbox import landlock, libc
pretend = int(sys.argv[1])
place = tempfile.mkdtemp()
for name in ("read", "write", "other"):
    os.mkdir(place + "/" + name)
    with open(place + "/" + name + "/file", "w") as stream: stream.write("text")
shutil.copy(shutil.which("true"), place + "/read/true")
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
reader, writer = os.pipe()
child = os.fork()
if child:
    os.close(writer)
    with open(reader) as stream: print(stream.read())
    os.waitpid(child, 0); shutil.rmtree(place)
    sys.exit()
libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
if pretend: landlock.abi = lambda: pretend
results = {"abi": landlock.restrict([place + "/read"], [place + "/write", "/dev/null"])}
def attempt(name, action):
    try: action(); results[name] = "ok"
    except OSError as error: results[name] = type(error).__name__
def write(path): open(path, "w").close()
def run(path):
    if os.fork() == 0:
        try: os.execv(path, [path])
        except OSError: os._exit(9)
    if os.waitstatus_to_exitcode(os.wait()[1]): raise PermissionError
os.chdir(place)
attempt("read listed", lambda: open("read/file").read())
attempt("list listed", lambda: os.listdir("read"))
attempt("write listed", lambda: write("read/file"))
attempt("remove listed", lambda: os.unlink("read/file"))
attempt("execute listed", lambda: run("read/true"))
attempt("write writable", lambda: write("write/new"))
attempt("make directory", lambda: os.mkdir("write/directory"))
attempt("make link", lambda: os.symlink("/", "write/link"))
attempt("through link", lambda: os.listdir("write/link" + place + "/other"))
attempt("move inside", lambda: os.rename("write/new", "write/directory/new"))
attempt("remove writable", lambda: os.unlink("write/directory/new"))
attempt("make socket", lambda: socket.socket(socket.AF_UNIX).bind("write/socket"))
attempt("make fifo", lambda: os.mkfifo("write/fifo"))
attempt("null", lambda: write("/dev/null"))
attempt("read other", lambda: open("other/file").read())
attempt("list other", lambda: os.listdir("other"))
attempt("list root", lambda: os.listdir("/"))
attempt("write other", lambda: write("other/new"))
attempt("move other", lambda: os.rename("other/file", "write/stolen"))
attempt("truncate other", lambda: os.truncate("other/file", 0))
attempt("connect", lambda: socket.socket().connect(server.getsockname()))
attempt("signal", lambda: os.kill(os.getppid(), 0))
os.write(writer, json.dumps(results).encode())
os._exit(0)
"""

FILES = {
    "read listed": "ok",
    "list listed": "ok",
    "write listed": "PermissionError",
    "remove listed": "PermissionError",
    "execute listed": "PermissionError",
    "write writable": "ok",
    "make directory": "ok",
    "make link": "ok",
    "through link": "PermissionError",
    "make socket": "PermissionError",
    "make fifo": "PermissionError",
    "null": "ok",
    "read other": "PermissionError",
    "list other": "PermissionError",
    "list root": "PermissionError",
    "write other": "PermissionError",
    "move other": "PermissionError",
}


@pytest.fixture
def version(user):
    active, detail = user.probe()["landlock"]
    if not active:
        pytest.skip(f"Landlock is not available: {detail}")
    return int(detail.removeprefix("ABI "))


@pytest.mark.parametrize("pretended", [0, 1, 2, 3, 4, 5, 6, 7])
def test_only_what_is_listed_stays_possible(user, version, pretended):
    if pretended > version:
        pytest.skip(f"this kernel has ABI {version}")
    found = user.evaluate(ATTEMPTS, str(pretended))
    abi = pretended or version
    assert found.pop("abi") == abi
    assert {name: found[name] for name in FILES} == FILES
    # The first ABI refuses every move to another directory (with EXDEV), the second knows the
    # right.
    assert found["move inside"] == ("ok" if abi >= 2 else "OSError")
    assert found["remove writable"] == ("ok" if abi >= 2 else "FileNotFoundError")
    assert found["truncate other"] == ("PermissionError" if abi >= 3 else "ok")
    assert found["connect"] == ("PermissionError" if abi >= landlock.NET_ABI else "ok")
    assert found["signal"] == ("PermissionError" if abi >= landlock.SCOPE_ABI else "ok")


def test_network_and_scopes_can_be_left_out(user, version):
    code = ATTEMPTS.replace('"/dev/null"])}', '"/dev/null"], network=False, scopes=False)}')
    found = user.evaluate(code, "0")
    assert found["connect"] == found["signal"] == "ok"
    assert {name: found[name] for name in FILES} == FILES


def test_missing_no_new_privs_is_an_error(ordinary_user):
    if not ordinary_user.probe()["landlock"][0]:
        pytest.skip(f"Landlock is not available: {ordinary_user.probe()['landlock'][1]}")
    code = """
import json
from autograder.sandbox import landlock
try: landlock.restrict([], [])
except OSError as error: print(json.dumps(str(error)))
"""
    assert "landlock_restrict_self" in ordinary_user.evaluate(code)


def test_missing_path_is_an_error(user, version):
    code = """
import json
from autograder.sandbox import landlock, libc
libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
try: landlock.restrict(["/dev/null/nothing"], [])
except OSError as error: print(json.dumps(error.filename))
"""
    assert user.evaluate(code) == "/dev/null/nothing"
