"""What does the autograder.zip of an Otter assignment hold? Test files, support files and a configuration."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.errors import UsageError

MAX_BYTES = 256 * 2**20
#: What of the configuration is followed, or is of no matter here: other platforms, logs, texts for students, PDFs.
_KNOWN = frozenset(
    {
        *("lang", "seed", "seed_variable", "assignment_name", "show_stdout", "show_hidden", "show_all_public"),
        *("autograder_dir", "debug", "logo", "print_summary", "print_score", "log_level", "zips", "miniconda_path"),
        *("force_public_test_summary", "pdf", "pdf_via_html", "filtering", "pagebreaks", "use_submission_pdf"),
        *("warn_missing_pdf", "submit_blank_pdf_on_export_failure", "course_id", "assignment_id", "token"),
    }
)


@dataclass(frozen=True)
class Archive:
    """An assignment of Otter.

    Attributes:
        name: of the assignment, as its configuration says, else that of the file.
        named: whether the configuration says so; then notebooks of other assignments are refused.
        tests: text of each test file by the name that check cells call it by.
        files: support files, by their path seen from the notebook.
        seed: of NumPy's and Python's random numbers before each cell, None for none.
        seed_variable: variable that is set to the seed instead.
        sha256: of the archive.
        unfollowed: settings that this engine does not follow.
    """

    name: str
    named: bool
    tests: Mapping[str, str]
    files: Mapping[str, bytes]
    seed: int | None
    seed_variable: str | None
    sha256: str
    unfollowed: tuple[str, ...]

    def seeding(self) -> str:
        """The code that runs before each cell, "" for none."""
        if self.seed is None:
            return ""
        if self.seed_variable:
            return f"{self.seed_variable} = {self.seed}"
        return f"__import__('numpy').random.seed({self.seed}); __import__('random').seed({self.seed})"


def read_archive(path: Path) -> Archive:
    """Read an autograder.zip.

    Raises:
        UsageError: it cannot be read, or it is none that can be graded here; the text says why.
    """
    try:
        data = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise UsageError(f"{path}: its files are more than {MAX_BYTES // 2**20} MiB.")
            members = {PurePosixPath(entry.filename): archive.read(entry) for entry in entries}
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise UsageError(f"{path}: not a zip archive that can be read ({error}).") from error
    if any(name.is_absolute() or ".." in name.parts for name in members):
        raise UsageError(f"{path}: a member would lie outside of the archive.")
    config = _config(path, members)
    try:
        tests = {
            name.stem: data.decode("utf-8")
            for name, data in sorted(members.items())
            if name.parts[:-1] == ("tests",) and name.suffix == ".py"
        }
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: a test file is not UTF-8 ({error}).") from error
    if not tests:
        raise UsageError(
            f"{path}: there is no test file (tests/*.py) in it. Is it the autograder.zip of `otter assign`?"
        )
    if any("autograder.otter.examine" in text for text in tests.values()):
        raise UsageError(
            f"{path}: it was made by `autograder otter build`, and no job holds what its hidden tests ask. "
            "Grade the assignment itself: autograder grade NAME."
        )
    files = {str(PurePosixPath(*name.parts[1:])): data for name, data in members.items() if name.parts[0] == "files"}
    seed, variable = config.get("seed"), config.get("seed_variable")
    return Archive(
        str(config.get("assignment_name") or path.stem),
        bool(config.get("assignment_name")),
        tests,
        files,
        seed if type(seed) is int else None,
        variable if isinstance(variable, str) and variable.isidentifier() else None,
        hashlib.sha256(data).hexdigest(),
        tuple(sorted(key for key, value in config.items() if key not in _KNOWN and value)),
    )


def _config(path: Path, members: Mapping[PurePosixPath, bytes]) -> dict[str, Any]:
    try:
        config = json.loads(members.get(PurePosixPath("otter_config.json"), b"{}"))
    except ValueError as error:
        raise UsageError(f"{path}: otter_config.json is no JSON ({error}).") from error
    if not isinstance(config, dict):
        raise UsageError(f"{path}: otter_config.json is no JSON object.")
    if config.get("lang", "python") != "python":
        raise UsageError(f"{path}: an assignment in {config['lang']!r}; only Python can be graded here.")
    return config
