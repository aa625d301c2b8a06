"""Run pieces of source as jobs of a small zygote: `python in_jail.py`, request on stdin, reply on stdout, both JSON.

Request: `active` (layer names), `sources` (one job each; a source sets `result`), and optionally
`limits`, `imports` (made in the zygote), `trees` (shown to the jobs in addition). Reply: for each
source `{"result": ...}`, `{"error": "OSError: ..."}` if the source raised, `{"jail": "..."}` if a
layer failed, or `{"exit": code}` if the job ended without an answer.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from autograder.sandbox import jail
from autograder.sandbox.limits import Limits


def run_job(state: jail.JailState, request: dict[str, Any], number: int) -> dict[str, Any]:
    """Fork one job for source `number`. Returns its reply."""
    active = frozenset(request["active"])
    reader, writer = os.pipe()
    pid = jail.fork_job(state)
    if pid == 0:
        reply: dict[str, Any]
        try:
            os.close(reader)
            jail.confine_job(
                active,
                Limits(**request.get("limits", {})),
                state,
                keep_fds=(writer,),
                cpu_s=20.0,
                name=f"job-{number}",
            )
            try:
                scope: dict[str, Any] = {"__name__": "__main__"}
                exec(request["sources"][number], scope)
                reply = {"result": scope["result"]}
            except Exception as error:
                reply = {"error": f"{type(error).__name__}: {error}"}
        except BaseException as error:
            reply = {"jail": f"{type(error).__name__}: {error}"}
        os.write(writer, json.dumps(reply).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        text = stream.read()
    _, status = os.waitpid(pid, 0)
    answer: dict[str, Any] = json.loads(text) if text else {"exit": os.waitstatus_to_exitcode(status)}
    return answer


def be_zygote(request: dict[str, Any], private: str) -> list[dict[str, Any]]:
    """Confine the calling process and run the jobs. Returns in another process if there is a pid namespace."""
    active = frozenset(request["active"])
    os.environ["MPLCONFIGDIR"] = private  # read when matplotlib is imported
    try:
        before = jail.early(active)
        for name in request.get("imports", []):
            importlib.import_module(name)
        trees = jail.allowed_trees(request.get("trees", []))
        state = jail.confine_zygote(active, before, trees=trees, private=private)
    except Exception as error:
        return [{"jail": f"{type(error).__name__}: {error}"}]
    return [run_job(state, request, number) for number in range(len(request["sources"]))]


def main() -> None:
    """The grader: fork the zygote, wait, clean up."""
    request = json.load(sys.stdin)
    private = jail.make_private_directory()
    zygote = os.fork()
    if zygote == 0:
        replies = be_zygote(request, private)
        print(json.dumps(replies), flush=True)
        os._exit(0)
    _, status = os.waitpid(zygote, 0)
    jail.remove_private_directory(private)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
