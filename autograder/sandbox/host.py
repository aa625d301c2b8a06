"""The sandbox as the grader sees it: where all student code of a run is executed.

`Sandbox` owns the zygote; each worker thread opens a `Slot` and takes one `Job` after the other from it. A job is
single use.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from autograder.errors import GraderError, UsageError
from autograder.sandbox import ahead, cgroups, jail, layers
from autograder.sandbox.conversation import Job
from autograder.sandbox.devices import CPU, reach
from autograder.sandbox.forked import ForkSlot, Zygote
from autograder.sandbox.limits import Limits
from autograder.sandbox.spawned import SpawnSlot
from autograder.sandbox.warm import PRELOAD

#: All jobs of one zygote share its address layout, so it is replaced now and then; it costs about two CPU seconds.
JOBS_PER_ZYGOTE = 1000


class Slot(Protocol):
    """A place where one job at a time runs."""

    def job(self, budget_s: float) -> contextlib.AbstractContextManager[Job]:
        """A fresh job that may use this many seconds; ended when the block is left."""

    def close(self) -> None:
        """Leave nothing behind."""


class Sandbox:
    """Where all student code of a run is executed.

    Args:
        limits: of each submission.
        seed: of the random generators that student code uses; never the seed of a run, from which the inputs of hidden
            checks are drawn, because student code can find this one.
        device: where the tensors of questions live; a name that `devices.chosen` gave.
        jobs_at_once: how many jobs may use an accelerator at the same time; on the CPU there is one in each slot.
        preload: modules that every job finds imported.
        many: whether hundreds of jobs follow, which a longer start makes cheaper.
        secret: paths that no job may be able to read (course, submissions); refused when they lie under a tree that
            jobs may read.
        trust: run even where the layers of this machine do not protect the grader.
        without: layers to do without, to show what then happens.
        fork: whether jobs are forked, behind all layers, or get an interpreter of their own, behind none; by default
            what this platform can do.

    Raises:
        UsageError: this machine cannot hold hostile code and `trust` is not set; the message names what is missing.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        seed: int = 0,
        device: str = CPU,
        jobs_at_once: int = 1,
        preload: Sequence[str] = PRELOAD,
        many: bool = False,
        secret: Sequence[str | Path] = (),
        trust: bool = False,
        without: Set[str] = frozenset(),
        fork: bool | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.seed, self.device, self.preload = seed, device, tuple(preload)
        self.forks = ahead.can_fork() if fork is None else fork
        statuses = layers.probe_layers(without if self.forks else layers.NAMES)
        decision = layers.decide(statuses, trust)
        if not decision.acceptable:
            raise UsageError("\n".join(decision.refusals))
        self.warnings = decision.warnings
        self.layers: tuple[str, ...] = tuple(sorted(layers.active_layers(statuses))) if self.forks else ()
        trees = jail.allowed_trees()
        if self.forks:
            jail.refuse_if_inside([str(p) for p in secret], trees)
        self._private = jail.make_private_directory() if self._needs_private() else None
        self.reach = reach(device, jobs_at_once)
        self.warnings += self.reach.warnings
        self.turn: contextlib.AbstractContextManager[object] = (
            threading.Semaphore(jobs_at_once) if self.reach.is_accelerator else contextlib.nullcontext()
        )
        self.environment = {**ahead.clean_environment(), **self.reach.environment}
        self._cache: str | None = None
        if not os.access(self.environment.get("HOME", ""), os.W_OK):
            # matplotlib would make a folder of its own for its fonts, and a killed process removes none.
            self._cache = self.environment["MPLCONFIGDIR"] = tempfile.mkdtemp(prefix="autograder-")
        self._config = {
            "active": list(self.layers),
            "limits": asdict(self.limits),
            "trees": list(trees),
            "private": self._private,
            "preload": list(self.preload),
            "many": many,
            "seed": seed,
            "reach": self.reach.to_document(),
        }
        self._lock = threading.Lock()
        # The kernel ends a zygote with the *thread* that started it, so one thread starts them all and stays.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="zygote-starter")
        self._names = 0
        self._current: Zygote | None = None
        self._next: Zygote | None = None
        self._all: list[Zygote] = []

    def __enter__(self) -> Sandbox:
        jail.protect_grader()
        if "cgroup" in self.layers:
            cgroups.sweep()
        if self.forks:
            self._current = self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def slot(self) -> Slot:
        """A place for one job at a time; every worker thread opens its own."""
        return ForkSlot(self) if self.forks else SpawnSlot(self)

    def facts(self) -> dict[str, Any]:
        """What the zygote said of itself: the modules it loaded and its size."""
        return self._current.wait_ready() if self._current else {}

    def close(self) -> None:
        """End every process and remove every file of this sandbox."""
        for zygote in self._all:
            zygote.close()
        self._all.clear()
        self._current = self._next = None
        self._starter.shutdown()
        if self._private is not None:
            jail.remove_private_directory(self._private)
            self._private = None
        if self._cache is not None:
            shutil.rmtree(self._cache, ignore_errors=True)  # only the zygote wrote to it, and that is ours
            self._cache = None

    def next_name(self) -> str:
        """A name that no other job of this sandbox has."""
        with self._lock:
            self._names += 1
            return f"job-{self._names}"

    def remove_files(self, name: str) -> None:
        """Remove what a job left, where jobs have no file system of their own that vanishes with them."""
        if self._private is not None and (Path(self._private) / name).exists():
            jail.remove_private_directory(str(Path(self._private) / name))

    def enter(self, held: Zygote | None) -> Zygote:
        """The zygote that the next job of a slot is forked from; `held` is the one the slot used last."""
        with self._lock:
            if self._current is None:
                raise GraderError("the sandbox is closed")
            if self._current.process.poll() is not None:
                self._current = self._start()  # it was killed, by the system's memory killer for example
            if self._current.jobs >= JOBS_PER_ZYGOTE * 0.8 and self._next is None:
                self._next = self._start()  # it warms up while the old one still serves
            if self._current.jobs >= JOBS_PER_ZYGOTE and self._next is not None:
                self._current, self._next = self._next, None
            current = self._current
            current.jobs += 1
            if current is not held:
                current.slots += 1
                if held is not None:
                    self._leave(held)
        current.wait_ready()
        return current

    def leave(self, zygote: Zygote) -> None:
        """A slot gives its zygote back."""
        with self._lock:
            self._leave(zygote)

    def _leave(self, zygote: Zygote) -> None:
        zygote.slots -= 1
        if zygote.slots == 0 and zygote is not self._current and zygote in self._all:
            self._all.remove(zygote)
            zygote.close()

    def _start(self) -> Zygote:
        begun = None if self._config["many"] else ahead.take(self.environment)
        zygote = Zygote(self._config, begun or self._starter.submit(ahead.begin, self.environment).result())
        self._all.append(zygote)
        return zygote

    def _needs_private(self) -> bool:
        return self.forks and "scratch-quota" not in self.layers
