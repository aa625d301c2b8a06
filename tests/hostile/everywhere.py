"""Every hostile table in every mode: `python tests/hostile/everywhere.py [OPTIONS OF PYTEST]`.

Behind all layers; as an ordinary user, who has no rights to give up; and where namespaces are not to be had, as in most
containers. Not started by root, the second mode is the first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Who runs pytest, and its further options; see `tests/sandbox/plain_user.py` and `conftest.py`.
MODES = {
    "behind all layers": ("root",),
    "as an ordinary user": ("plain",),
    "without namespaces": ("root", "--without", "namespaces"),
}


def main(options: list[str]) -> int:
    """Run all modes; returns the worst exit code."""
    worst = 0
    for mode, (kind, *more) in MODES.items():
        if kind == "plain" and os.geteuid() != 0:
            continue
        print(f"\n{mode}", flush=True)
        as_user = [sys.executable, str(ROOT / "tests" / "sandbox" / "plain_user.py"), kind]
        tables = [sys.executable, "-m", "pytest", "tests/hostile", *more, *options]
        with tempfile.TemporaryDirectory() as temporary:
            Path(temporary).chmod(0o1777)
            # An ordinary user can write nowhere else.
            folders = {"TMPDIR": temporary, "HYPOTHESIS_STORAGE_DIRECTORY": f"{temporary}/hypothesis"}
            done = subprocess.run([*as_user, *tables], cwd=ROOT, env=os.environ | folders, check=False)
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
