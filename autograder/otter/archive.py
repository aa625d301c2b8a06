"""What is an archive made of? Members by name; the same members give the same bytes."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from autograder.course.model import Assignment
from autograder.errors import UsageError
from autograder.grading.key import AnswerKey, write_key
from autograder.records.files import write_atomically

#: The earliest that a zip archive can say; a real one would make every build differ.
_TIME = (1980, 1, 1, 0, 0, 0)
#: Once per image of a container.
SETUP = """\
#!/usr/bin/env bash
# Once per image: Python, and in an environment of its own what requirements.txt names.
set -euo pipefail
root=${AUTOGRADER_ROOT:-/autograder}
apt-get update
apt-get install -y --no-install-recommends python3 python3-venv
python3 -m venv "$root/venv"
cd "$root/source"
"$root/venv/bin/python" -m pip install --no-cache-dir -r requirements.txt
"""
#: The programs of an archive.
PROGRAMS = ("setup.sh", "run_autograder")

_NOT_COPIED = frozenset({"__pycache__", ".ipynb_checkpoints"})

Members = Mapping[str, "str | bytes"]


def write_archive(path: Path, members: Members, executable: Collection[str]) -> None:
    """Write a zip archive, as a whole or not at all.

    Args:
        path: of the archive.
        members: name and content of each.
        executable: names of members that are programs.

    Raises:
        UsageError: it cannot be written.
    """
    write_file(path, zipped(members, executable))


def zipped(members: Members, executable: Collection[str]) -> bytes:
    """A zip archive of these members."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(members.items()):
            info = zipfile.ZipInfo(name, _TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, whose modes follow
            info.external_attr = (0o100755 if name in executable else 0o100644) << 16
            archive.writestr(info, content)
    return data.getvalue()


def write_file(path: Path, data: bytes) -> None:
    """Write one file as a whole; raises `UsageError` where that cannot be done."""
    try:
        write_atomically(path, data)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}). Choose another --out.") from error


def hidden_data(key: AnswerKey) -> dict[str, str]:
    """What the hidden checks of each question ask and expect, by question, where it has any; see `examine`."""
    hidden = {q.name: replace(q, checks=tuple(c for c in q.checks if not c.public)) for q in key.questions}
    return {name: write_key(replace(key, questions=(q,))) for name, q in hidden.items() if q.checks}


def run_script(started: str) -> str:
    """``run_autograder``, which starts this with Python in the environment that `SETUP` made."""
    return f"""\
#!/usr/bin/env bash
# Once per submission: from submission/ to results/results.json.
root=${{AUTOGRADER_ROOT:-/autograder}}
cd "$root/source" || exit 3
exec "${{AUTOGRADER_PYTHON:-$root/venv/bin/python}}" {started} "$root"
"""


def solution_files(assignment: Assignment, below: str) -> dict[str, bytes]:
    """Master and checks, with all that lies beside them, as members below a folder that is then a course."""
    files = _files_below(assignment.master.parent, assignment.folder)
    members = {f"{below}/{name}": content for name, content in files.items()}
    settings = assignment.folder / "course.toml"  # its language and its words
    return members | ({f"{below}/course.toml": settings.read_bytes()} if settings.is_file() else {})


def _files_below(folder: Path, home: Path) -> dict[str, bytes]:
    """What lies in a folder, by its name seen from another; without what Python and Jupyter keep there."""
    files = {path.relative_to(home): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name.as_posix(): path.read_bytes() for name, path in files.items() if _NOT_COPIED.isdisjoint(name.parts)}


def requirement_files(requirements: Path | None, wheel: Path | None, extra: str = "") -> dict[str, str | bytes]:
    """``requirements.txt`` for pip, which names a wheel of this package, and that wheel.

    Args:
        requirements: a file with further requirements and options of pip, which come first.
        wheel: of this package; without one the package is packed as it is here.
        extra: of this package, in brackets.

    Raises:
        UsageError: a file is not there, or this package cannot be packed.
    """
    if wheel is not None and wheel.suffix != ".whl":
        raise UsageError(f"{wheel}: pip takes no such file for a wheel. Name one that ends in .whl.")
    try:
        name, content = own_wheel() if wheel is None else (wheel.name, wheel.read_bytes())
        before = "" if requirements is None else requirements.read_text(encoding="utf-8").rstrip("\n") + "\n"
    except (OSError, UnicodeDecodeError) as error:
        named = requirements if isinstance(error, UnicodeDecodeError) else error.filename
        raise UsageError(f"{named}: cannot be read ({error}).") from error
    return {"requirements.txt": f"{before}./{name}{extra}\n", name: content}


def own_wheel() -> tuple[str, bytes]:
    """Name and content of a wheel of this package as it is installed here; the same files give the same bytes.

    No index is asked for the package: on PyPI another project has its name.

    Raises:
        UsageError: it was never installed, so that its requirements are not known.
    """
    try:
        installed = metadata.distribution("autograder")
    except metadata.PackageNotFoundError:
        installed = None
    told = installed and installed.read_text("METADATA")
    if installed is None or not told:
        raise UsageError(
            "This package was never installed, so it is not known what it requires. Name a wheel of it with --wheel."
        )
    name = f"autograder-{installed.version}"
    about = f"{name}.dist-info"
    home = Path(__file__).resolve().parents[1]
    files = _files_below(home, home.parent)
    files[f"{about}/METADATA"] = told.encode()
    files[f"{about}/WHEEL"] = _WHEEL.encode()
    files[f"{about}/entry_points.txt"] = (installed.read_text("entry_points.txt") or "").encode()
    record = [f"{file},sha256={_digest(content)},{len(content)}\n" for file, content in files.items()]
    files[f"{about}/RECORD"] = "".join([*record, f"{about}/RECORD,,\n"]).encode()
    return f"{name}-py3-none-any.whl", zipped(files, ())


#: What pip wants to know of a wheel.
_WHEEL = "Wheel-Version: 1.0\nGenerator: autograder\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
