"""Was this assignment proven before? Sound validations are kept by the hash of everything they depend on.

Only a validation without a breach is kept: whoever mends a breach wants to see it examined anew.
"""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

from autograder.course.model import Assignment
from autograder.grading.grade import OnMark
from autograder.grading.validate import Validation, validate
from autograder.records.files import write_atomically
from autograder.records.provenance import engine_version, library_versions
from autograder.sandbox import devices
from autograder.sandbox.devices import CPU
from autograder.sandbox.limits import Limits

#: In the course folder; may be deleted at any time.
CACHE_FOLDER = ".autograder-cache"


class Proofs:
    """Validations, from the cache where nothing has changed.

    Args:
        folder: the course in which results are kept; None keeps none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder / CACHE_FOLDER / "validate"

    def validate(
        self,
        assignment: Assignment,
        *,
        workers: int,
        seed: int = 0,
        limits: Limits | None = None,
        trust: bool = False,
        mutants: bool = True,
        device: str = CPU,
        on_mark: OnMark | None = None,
    ) -> Validation:
        """As `autograder.validate`."""
        limits = limits or Limits()
        name = assignment.name if device == CPU else f"{assignment.name}-{device.replace(':', '-')}"
        path = None if self._folder is None else self._folder / f"{name}.json"
        key = _key(assignment, seed, limits, mutants, device)
        found = None if path is None else _read(path, key)
        if found is not None:
            return found
        made = validate(
            assignment,
            workers=workers,
            seed=seed,
            limits=limits,
            trust=trust,
            mutants=mutants,
            device=device,
            on_mark=on_mark,
        )
        if path is not None and not made.breaches:
            ignore = path.parents[1] / ".gitignore"
            if not ignore.exists():
                write_atomically(ignore, "*\n")
            write_atomically(path, json.dumps({"key": key, "validation": made.to_document()}) + "\n")
        return made


def _read(path: Path, key: str) -> Validation | None:
    """The validation in a file if it has this key; whatever is wrong with the file only means to validate again."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Validation.of_document(document["validation"]) if document["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _key(assignment: Assignment, seed: int, limits: Limits, mutants: bool, device: str) -> str:
    facts: dict[str, Any] = {
        "assignment": assignment.name,
        "solution": _sha256(assignment.master),
        "checks": _sha256(assignment.checks_file),
        "seed": seed,
        "limits": limits.as_dict(),
        "mutants": mutants,
        "devices": devices.described([device]),
        "engine": engine_version(),
        "sources": _sources_sha256(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libraries": library_versions(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _sources_sha256() -> str:
    """Of every module of this package, for trees in which the version stays as it is from change to change."""
    home = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(home.rglob("*.py")):
        digest.update(f"{path.relative_to(home).as_posix()}\0{_sha256(path)}\n".encode())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
