"""These tests need one NVIDIA GPU and the packages that the engine needs; elsewhere they are skipped and say so."""

from __future__ import annotations

import pytest

from autograder.sandbox import devices


@pytest.fixture(scope="session", autouse=True)
def gpu() -> str:
    """The name of the GPU that is used."""
    known = [device.name for device in devices.found()]
    if "cuda:0" not in known:
        pytest.skip(f"no CUDA device here, only {', '.join(known)}")
    return "cuda:0"
