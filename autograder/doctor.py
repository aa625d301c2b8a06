"""What can this machine do: Python, libraries, device, and each layer of the sandbox?"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import dataclass

from autograder.records.provenance import engine_version, library_versions
from autograder.sandbox.layers import Decision, LayerStatus, decide, probe_layers

#: Asked in a process of its own: touching an accelerator would spoil the process that jobs are forked from.
_DEVICE_QUESTION = """
import json
try:
    import torch
except ImportError:
    print(json.dumps("no torch"))
else:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = ["cpu", *(f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(count))]
    mps = bool(getattr(torch.backends, "mps", None) and torch.backends.mps.is_available())
    print(json.dumps(", ".join(found + ["mps (untested)"] * mps)))
"""


@dataclass(frozen=True)
class Diagnosis:
    """What `doctor` found out."""

    engine: str
    python: str
    platform: str
    libraries: dict[str, str]
    devices: str
    layers: dict[str, LayerStatus]
    decision: Decision


def doctor() -> Diagnosis:
    """Examine this machine; nothing on it is changed."""
    statuses = probe_layers()
    return Diagnosis(
        engine_version(),
        platform.python_version(),
        platform.platform(),
        library_versions(),
        _devices(),
        statuses,
        decide(statuses),
    )


def _devices() -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-c", _DEVICE_QUESTION], capture_output=True, text=True, timeout=120, check=True
        )
        return str(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return f"unknown: torch does not start ({type(error).__name__})"
