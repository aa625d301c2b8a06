"""Write the notebooks in ``examples/submissions``: for each assignment a class of imaginary students.

    python examples/make_examples.py           write what is missing or stale
    python examples/make_examples.py --check   write nothing, end with 1 when something is stale

A class is a file ``examples/classes/ASSIGNMENT.py`` with a table `STUDENTS`; how a row becomes a notebook is in
``examples/students.py``, what each student must earn in ``tests/examples``. The same student notebook and the same
course give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from students import Desk, Student

ROOT = Path(__file__).resolve().parents[1]
CLASSES = ROOT / "examples" / "classes"
SUBMISSIONS = ROOT / "examples" / "submissions"


def files() -> dict[Path, str]:
    """Path and text of every example."""
    texts: dict[Path, str] = {}
    for name in sorted(path.stem for path in CLASSES.glob("*.py")):
        students: dict[str, Student] = import_module(f"classes.{name}").STUDENTS
        desk = Desk(ROOT, name)
        texts |= {SUBMISSIONS / name / f"{who}.ipynb": desk.notebook_of(student) for who, student in students.items()}
    return texts


def main() -> int:
    """Write the files, or say which are stale; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the example submissions.")
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 when a file is stale")
    check = parser.parse_args().check
    texts = files()
    stale = [path for path, text in texts.items() if not path.is_file() or path.read_bytes() != text.encode()]
    extra = [path for path in sorted(SUBMISSIONS.glob("*/*")) if path not in texts]
    if not check:
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(texts[path].encode())
        for path in extra:
            path.unlink()
    for word, paths in (("stale" if check else "written", stale), ("not an example" if check else "removed", extra)):
        for path in paths:
            print(f"{word}: {path.relative_to(ROOT)}")
    if check and (stale or extra):
        print("Run `python examples/make_examples.py` and commit what it writes.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
