"""Coverage-guided fuzzing with atheris: `python tests/fuzz/fuzz.py SECONDS [FOLDER]`, for each target in turn.

The folder keeps what was found to be of interest, for the next run, and the bytes that broke a target. Ends with 1 when
some did. atheris has no wheel for every platform; where it is missing, this says so and ends with 0.
"""

from __future__ import annotations

import importlib.util
import platform
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Whose branches guide the search; instrumenting everything would only slow it down.
GRADING = ("submissions", "layouts", "reading", "notebook_file", "gradescope", "times")
READERS = ["autograder.sandbox.wire", *(f"autograder.grading.{name}" for name in GRADING), "zipfile", "json"]


def fuzz(name: str, arguments: list[str]) -> None:
    """Run one target in this process until its time is up; never returns."""
    import atheris

    with atheris.instrument_imports(include=READERS):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name][0])
    atheris.Fuzz()


def main(seconds: str, folder: Path) -> int:
    """Run every target in a process of its own; returns the exit code."""
    if importlib.util.find_spec("atheris") is None:
        print(f"Nothing was fuzzed: atheris is not installed (Python {platform.python_version()}, {sys.platform}).")
        return 0
    from tests.fuzz.targets import TARGETS

    broken = []
    for name, (_, seeds) in TARGETS.items():
        corpus = folder / name
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (corpus / f"seed-{number}").write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", "-max_len=4096", "-verbosity=0"]
        command = [sys.executable, __file__, "--target", name, *options, f"-artifact_prefix={folder}/{name}-", corpus]
        if subprocess.run(command, check=False).returncode:
            broken.append(name)
        print(f"{name}: {'BROKEN, see above' if name in broken else 'held'}, {len(list(corpus.iterdir()))} inputs")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if sys.argv[1] == "--target":
        fuzz(sys.argv[2], sys.argv[3:])
    with nullcontext(sys.argv[2]) if len(sys.argv) > 2 else tempfile.TemporaryDirectory() as chosen:
        sys.exit(main(sys.argv[1], Path(chosen)))
