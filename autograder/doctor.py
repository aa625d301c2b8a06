"""What can this machine do: Python, libraries, device, and each layer of the sandbox?"""

from __future__ import annotations

import platform
from dataclasses import dataclass

from autograder.errors import UsageError
from autograder.records.provenance import engine_version, library_versions
from autograder.sandbox import devices
from autograder.sandbox.layers import Decision, LayerStatus, decide, probe_layers


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
        return ", ".join(map(str, devices.found()))
    except UsageError as error:
        return str(error)
