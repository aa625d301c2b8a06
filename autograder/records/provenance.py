"""What did a mark depend on? Same inputs, same mark, byte for byte."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

LIBRARIES = ("numpy", "torch", "matplotlib", "scipy", "ipython")


def engine_version() -> str:
    """Version of this package; "0+unknown" in a tree that was never installed."""
    try:
        return metadata.version("autograder")
    except metadata.PackageNotFoundError:
        return "0+unknown"


def library_versions() -> dict[str, str]:
    """Versions of the libraries that answers may depend on, those that are installed."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def provenance(
    *, device: str, seed: int, checks_sha256: str, solution_sha256: str, limits: dict[str, Any], layers: tuple[str, ...]
) -> dict[str, Any]:
    """The part of a mark that says how it came about."""
    return {
        "engine": engine_version(),
        "python": platform.python_version(),
        "libraries": library_versions(),
        "device": device,
        "seed": seed,
        "checks_sha256": checks_sha256,
        "solution_sha256": solution_sha256,
        "limits": limits,
        "layers": list(layers),
    }
