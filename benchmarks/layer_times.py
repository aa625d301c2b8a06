"""How long does each layer of the jail take to set up?

Run as a script by `execution.py`; arguments are the active layers, a count, and a private directory if one is needed.
It takes the place of a zygote, forks jobs, and has each of them run the real `jail.confine_job` with a stopwatch around
its pieces. Prints one JSON list of rows: layer, whether it is set up per zygote or per job, and times in microseconds.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from autograder.sandbox import jail, landlock, libc, namespaces, seccomp
from autograder.sandbox.limits import Limits
from autograder.sandbox.warm import warm_up

#: Microseconds by layer, of this process.
_times: dict[str, float] = defaultdict(float)

#: layer, module, function, and which calls of it count.
_PIECES: tuple[tuple[str, Any, str, Callable[..., bool]], ...] = (
    ("user-namespace", namespaces, "enter_user_namespace", lambda: True),
    ("pid-namespace", namespaces, "unshare", lambda flag: flag == namespaces.CLONE_NEWPID),
    ("pid-namespace", namespaces, "setns", lambda *a: True),
    ("network-namespace", namespaces, "unshare", lambda flag: flag == namespaces.CLONE_NEWNET),
    ("ipc-namespace", namespaces, "unshare", lambda flag: flag == namespaces.CLONE_NEWIPC),
    ("uts-namespace", namespaces, "unshare", lambda flag: flag == namespaces.CLONE_NEWUTS),
    ("read-only-root", namespaces, "read_only_root", lambda *a, **k: True),
    ("undumpable", jail, "hide_memory", lambda: True),
    ("session", os, "setsid", lambda: True),
    ("close-descriptors", jail, "close_others", lambda *a: True),
    ("scratch-quota", namespaces, "mount_scratch", lambda *a: True),
    ("rlimits", jail, "apply_rlimits", lambda *a, **k: True),
    ("capabilities", jail, "drop_bounding_set", lambda: True),
    ("capabilities", jail, "drop_capabilities", lambda: True),
    ("separate-uid", jail, "change_uid", lambda *a: True),
    ("parent-death-signal", jail, "_die_with_parent", lambda *a: True),
    ("no-new-privs", libc, "prctl", lambda option, *a: option == libc.PR_SET_NO_NEW_PRIVS),
    ("landlock", landlock, "restrict", lambda *a, **k: True),
    ("seccomp (the program)", seccomp, "build_program", lambda *a, **k: True),
    ("seccomp", seccomp, "install", lambda *a: True),
)


def _watch(layer: str, module: Any, name: str, counts: Callable[..., bool]) -> None:
    function = getattr(module, name)

    def watched(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            if counts(*args, **kwargs):
                _times[layer] += (time.perf_counter() - started) * 1e6

    setattr(module, name, watched)


def main(active: frozenset[str], count: int, private: str | None) -> None:
    """Measure and print; `private` as for `jail.confine_zygote`."""
    for piece in _PIECES:
        _watch(*piece)
    before = jail.early(active)
    warm_up(many=True)
    state = jail.confine_zygote(active, before, trees=jail.allowed_trees(), private=private)
    gc.collect()
    gc.freeze()
    rows: list[dict[str, Any]] = [{"layer": name, "per": "zygote", "us": [us]} for name, us in _times.items()]
    _times.clear()
    if "capabilities" in active:  # what `jail.enter_slot` takes from the server of a slot
        jail.drop_bounding_set()
    rows += [{"layer": name, "per": "slot", "us": [us]} for name, us in _times.items()]
    per_job: dict[str, list[float]] = defaultdict(list)
    for number in range(count):
        _times.clear()
        for name, us in (_one_job(active, state, f"job-{number}") | dict(_times)).items():
            per_job[name].append(us)
    rows += [{"layer": name, "per": "job", "us": us} for name, us in per_job.items()]
    # Not sys.stdout, which the shell of the warm-up has taken over.
    print(json.dumps(rows), file=sys.__stdout__, flush=True)
    os._exit(0)


def _one_job(active: frozenset[str], state: jail.JailState, name: str) -> dict[str, float]:
    """Fork a job that locks itself up and ends; returns the times it took."""
    reader, writer = os.pipe()
    forked = time.perf_counter()
    pid = jail.fork_job(state)
    if pid == 0:
        try:
            begun = time.perf_counter()
            _times.clear()
            jail.confine_job(active, Limits(), state, keep_fds=[writer], cpu_s=10, name=name)
            _times["all of a job"] = (time.perf_counter() - begun) * 1e6
            _times["fork"] = (begun - forked) * 1e6
            os.write(writer, json.dumps(_times).encode())
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        data = stream.read()
    ending = time.perf_counter()
    os.waitpid(pid, 0)
    return {**json.loads(data), "end": (time.perf_counter() - ending) * 1e6}


if __name__ == "__main__":
    main(frozenset(json.loads(sys.argv[1])), int(sys.argv[2]), sys.argv[3] or None)
