"""What a worker of a cluster does: it keeps bundles, opens an examiner for each, and marks what it is sent.

Every argument and every result is bytes that hold JSON, a bundle or a notebook's text; nothing that a student wrote is
ever unpickled. Student code runs in jails below the worker, as it does on the machine of a single grader.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from typing import Any

from autograder import messages
from autograder.errors import AutograderError, CourseError, GraderError
from autograder.grading import bundle as bundles
from autograder.grading.examine import Examiner, Seat, Terms
from autograder.grading.submissions import Submission
from autograder.sandbox.layers import LAYERS

#: After so long without work a worker ends its warm processes; it opens them again when there is work.
IDLE_S = 120.0
#: This process, among all that ever have the same address.
PROCESS = uuid.uuid4().hex


def keep_bundle(bundle: bytes) -> None:
    """Receive a bundle; called once per worker."""
    with _lock:
        _bundles[bundles.digest(bundle)] = bundle


def mark(digest: str, conditions: bytes, submission: bytes) -> bytes:
    """Mark one submission.

    Args:
        digest: of the bundle.
        conditions: JSON with ``terms`` and the ``facts`` that are demanded of this machine.
        submission: as `submission_to_bytes` made it.

    Returns:
        JSON with ``kind``: "mark" (``mark``, ``elapsed_s``, ``warnings``); "needs" (the bundle is not here yet);
        "refuses" (this machine is not what is demanded, ``reason``); "course" (the assignment is broken, ``reason``).
        Also ``worker``, its address, and ``process``.
    """
    answer = {"worker": import_module("distributed").get_worker().address, "process": PROCESS}
    room = _room(digest, conditions)
    if room is None:
        return _json(answer | {"kind": "needs"})
    try:
        with room.slot() as (examiner, slot):
            made = examiner.mark(submission_from_bytes(submission), slot)
    except CourseError as error:
        return _json(answer | {"kind": "course", "reason": str(error)})
    except AutograderError as error:
        return _json(answer | {"kind": "refuses", "reason": str(error)})
    found = {"mark": made.to_json(indent=None), "elapsed_s": made.elapsed_s, "warnings": examiner.warnings}
    return _json(answer | {"kind": "mark"} | found)


def submission_to_bytes(submission: Submission) -> bytes:
    """A submission that has been read, as JSON: who, which file and hash, the text of its code cells.

    Files beside the notebook stay here: assignments that use them are not graded on a cluster.
    """
    document = asdict(submission)
    del document["files"]
    return _json(document)


def submission_from_bytes(data: bytes) -> Submission:
    """The submission that `submission_to_bytes` took."""
    document = json.loads(data)
    cells = tuple((number, source) for number, source in document["cells"])
    return Submission(**document | {"cells": cells, "flags": tuple(document["flags"])})


def lacking(facts: Mapping[str, Any], demanded: Mapping[str, Any]) -> str:
    """Why marks under these facts are not those that are demanded, in a sentence; "" where they are.

    A machine may have more layers than demanded, never fewer; all else must be the same.
    """
    lost = {layer.name: layer.lost for layer in LAYERS}
    missing = [name for name in demanded["layers"] if name not in facts["layers"]]
    if missing:
        return " ".join(f"The sandbox layer {name} is demanded and missing here: {lost[name]}" for name in missing)
    for name, wanted in _flat(demanded).items():
        here = _flat(facts).get(name, "not installed")
        if here != wanted:
            return f"{name} is {here} here, and {wanted} is demanded: marks would depend on where they were made."
    return ""


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that must be the same everywhere, versions of libraries by their names."""
    same: dict[str, Any] = {
        name: value for name, value in facts.items() if name not in ("layers", "libraries", "limits")
    }
    return {**same, **facts["libraries"]}


class _Room:
    """An examiner that is opened for the first submission and closed when there are none for a while."""

    def __init__(self, bundle: bytes, conditions: bytes) -> None:
        document = json.loads(conditions)
        self._bundle, self._terms, self._demanded = bundle, Terms.from_dict(document["terms"]), document["facts"]
        messages.use(messages.Catalogue.of_document(document["words"]))
        self._lock = threading.Lock()
        self._examiner: Examiner | None = None
        self._refusal: AutograderError | None = None
        self._free: list[Seat] = []
        self._in_use = 0
        self._closing: threading.Timer | None = None

    @contextmanager
    def slot(self) -> Iterator[tuple[Examiner, Seat]]:
        """The examiner and a slot of it.

        Raises:
            UsageError, GraderError: this machine cannot do what is demanded.
            CourseError: the assignment is broken.
        """
        with self._lock:
            examiner = self._opened()
            slot = self._free.pop() if self._free else examiner.slot()
            self._in_use += 1
            if self._closing is not None:
                self._closing.cancel()
        try:
            yield examiner, slot
        finally:
            with self._lock:
                self._free.append(slot)
                self._in_use -= 1
                if self._in_use == 0:
                    self._closing = threading.Timer(IDLE_S, self.close)
                    self._closing.daemon = True
                    self._closing.start()

    def _opened(self) -> Examiner:
        if self._refusal is not None:
            raise self._refusal
        if self._examiner is None:
            try:
                # When student code runs, no file of the course is left on this machine.
                with bundles.unpacked(self._bundle) as assignment:
                    examiner = Examiner(assignment, self._terms)
                    reason = lacking(examiner.facts, self._demanded)
                    if reason:
                        examiner.close()
                        raise AutograderError(reason)
                    self._examiner = examiner.__enter__()
            except GraderError:  # it may be over the next time: a zygote that did not start in time, say
                raise
            except AutograderError as error:
                self._refusal = error
                raise
        return self._examiner

    def close(self) -> None:
        """End the processes, unless they have work."""
        with self._lock:
            if self._in_use == 0 and self._examiner is not None:
                for slot in self._free:
                    slot.close()
                self._free.clear()
                self._examiner.close()
                self._examiner = None


_lock = threading.Lock()
_bundles: dict[str, bytes] = {}
_rooms: dict[str, _Room] = {}


def _room(digest: str, conditions: bytes) -> _Room | None:
    """The room for these conditions, None where the bundle has not come yet."""
    name = digest + hashlib.sha256(conditions).hexdigest()
    with _lock:
        if name not in _rooms and digest in _bundles:
            _rooms[name] = _Room(_bundles[digest], conditions)
        return _rooms.get(name)


def _close_rooms() -> None:
    for room in _rooms.values():
        room.close()


atexit.register(_close_rooms)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()
