"""Shared fixtures: run code as root and as an ordinary user, and as jobs behind a chosen set of layers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# Long enough for the first import of torch on a busy machine; reached only by a hang.
TIMEOUT_S = 240


@dataclass(frozen=True)
class User:
    """A kind of user to run commands as: "root", or "plain" for one without any right."""

    kind: str

    def start(self, *argv: str, **options: Any) -> subprocess.Popen[str]:
        """Start `python argv...` as this user."""
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "HOME": "/dev/null",  # nothing can be written below it, by root neither
            "MPLBACKEND": "Agg",
            **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        }
        return subprocess.Popen(
            [sys.executable, str(HERE / "plain_user.py"), self.kind, sys.executable, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            **options,
        )

    def run(self, *argv: str, text: str = "") -> str:
        """Run `python argv...` as this user. Returns its standard output; a failure shows its errors."""
        with self.start(*argv) as process:
            try:
                output, errors = process.communicate(text, timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert process.returncode == 0, f"status {process.returncode}: {errors}"
        return output

    def evaluate(self, code: str, *argv: str) -> Any:
        """Run code that prints one JSON document."""
        return json.loads(self.run("-c", code, *argv))

    def probe(self, without: Collection[str] = ()) -> dict[str, tuple[bool, str]]:
        """What `probe_layers` finds for this user."""
        return _probe(self, frozenset(without))

    def active(self, without: Collection[str] = ()) -> frozenset[str]:
        """The layers that bite for this user, `without` some."""
        return frozenset(name for name, (active, _) in self.probe(without).items() if active)

    def jobs(self, sources: Sequence[str], active: Collection[str], **request: Any) -> list[dict[str, Any]]:
        """Run each source as a job behind the layers `active`, see in_jail.py."""
        request |= {"sources": list(sources), "active": sorted(active)}
        replies: list[dict[str, Any]] = json.loads(self.run(str(HERE / "in_jail.py"), text=json.dumps(request)))
        return replies


@cache
def _probe(user: User, without: frozenset[str]) -> dict[str, tuple[bool, str]]:
    code = (
        "import json, sys; from autograder.sandbox.layers import probe_layers; "
        "found = probe_layers(frozenset(sys.argv[1:])).values(); "
        "print(json.dumps({status.name: [status.active, status.detail] for status in found}))"
    )
    found = user.evaluate(code, *sorted(without))
    return {name: (active, detail) for name, (active, detail) in found.items()}


@pytest.fixture(params=["root", "plain"])
def user(request: pytest.FixtureRequest) -> User:
    """Each kind of user in turn."""
    if sys.platform != "linux":
        pytest.skip("the sandbox layers exist on Linux only")
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("the tests do not run as root; the ordinary user is tested")
    return User(request.param)


@pytest.fixture
def ordinary_user() -> User:
    """A user without any right."""
    if sys.platform != "linux":
        pytest.skip("the sandbox layers exist on Linux only")
    return User("plain")
