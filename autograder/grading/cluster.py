"""Grading on the workers of a Dask cluster, which need only this package.

A `Cluster` stands where an `Examiner` stands on one machine: it gives slots and marks submissions. The assignment
travels to each worker once, by the hash of its content. A worker that is not what is demanded says so, and its work
goes to others; a worker that is lost loses nothing, for the scheduler gives its work to another.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from typing import Any

from autograder import messages
from autograder.course.model import Assignment
from autograder.errors import CourseError, GraderError, UsageError
from autograder.grading import bundle as bundles
from autograder.grading import remote
from autograder.grading.examine import Terms, facts_about, mark_broken
from autograder.grading.submissions import Submission
from autograder.records.mark import Mark, mark_from_json
from autograder.sandbox.layers import active_layers, check_names, probe_layers
from autograder.text import visible

#: How long a scheduler may take to answer, seconds.
CONNECT_S = 15.0
#: How long a run waits while there is no worker that may grade, seconds.
PATIENCE_S = 60.0
#: How often is looked whether there is still one, seconds.
LOOK_S = 2.0


class Cluster:
    """The workers of a scheduler, as an examiner of one assignment under fixed terms.

    Args:
        address: of the scheduler, ``tcp://host:8786`` or ``tls://host:8786``.
        assignment: what is graded.
        terms: seed, limits and level of telling.
        layers: of the sandbox, which every worker must have; None for those of this machine.

    Attributes:
        facts: what is demanded of every worker, and what all marks depend on besides the notebooks.

    Raises:
        UsageError: the extra is not installed or a layer is unknown; on entering: no scheduler, or no worker.
    """

    def __init__(
        self, address: str, assignment: Assignment, terms: Terms, *, layers: Iterable[str] | None = None
    ) -> None:
        self._distributed = _distributed()
        self._address, self._assignment, self._terms = address, assignment, terms
        demanded = active_layers(probe_layers()) if layers is None else set(layers)
        try:
            check_names(demanded)
        except GraderError as error:
            raise UsageError(str(error)) from error
        self.facts = facts_about(assignment, terms, sorted(demanded))
        self._bundle = bundles.pack(assignment)
        self._digest = bundles.digest(self._bundle)
        self._conditions = json.dumps(
            {"terms": terms.as_dict(), "facts": self.facts, "words": messages.current().to_document()}
        ).encode()
        self._lock = threading.Lock()
        self._delivered: set[str] = set()
        self._refused: dict[str, str] = {}
        self._warnings: set[str] = set()
        self._seen = time.monotonic()

    def __enter__(self) -> Cluster:
        missing = _missing_certificates() if self._address.startswith("tls:") else []
        if missing:
            raise UsageError(
                f"{visible(self._address, 200)}: TLS needs {', '.join(missing)}. Set each to the path of a file; "
                "docs/cluster.md has an example."
            )
        # In two steps: one that found no scheduler has to be closed here. It would close itself when it is collected,
        # which never ends where that happens while the next one starts.
        self._client = self._distributed.Client.__new__(self._distributed.Client)
        try:
            self._client.__init__(self._address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError, self._distributed.TimeoutError) as error:
            with suppress(Exception):
                self._client.close(CONNECT_S)
            raise UsageError(
                f"{visible(self._address, 200)}: no scheduler answers there ({_first_line(error)}). "
                "Start one with `dask scheduler`, and name the address that it shows."
            ) from error
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE_S)
        except self._distributed.TimeoutError as error:
            self._client.close()
            raise UsageError(
                f"{self._address}: the scheduler has no worker after {PATIENCE_S:g} s. "
                f"Start some with `dask worker {self._address}`."
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; what it still works on for this run is given up."""
        self._client.close()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the sandbox of some worker cannot promise, as far as marks have come from it, and who refused."""
        refusals = (f"worker {address} did no work: {reason}" for address, reason in self._refused.items())
        return tuple(sorted({*self._warnings, *refusals}))

    def width(self) -> int:
        """How many submissions are sent at the same time: two per thread, so that none waits for the network."""
        threads: dict[str, int] = self._client.nthreads()
        return max(2, 2 * sum(threads.values()))

    def lease_s(self) -> float:
        """Longer than any submission can take, waiting for its turn and starting again on another worker included."""
        return 4 * (4 * self._terms.limits.submission_s + 120)

    def slot(self) -> RemoteSlot:
        """A place for one submission that is on its way."""
        return RemoteSlot()

    def mark(self, submission: Submission, _slot: RemoteSlot) -> Mark:
        """The mark of one submission, made by some worker.

        Raises:
            UsageError: every worker refuses.
            CourseError: the solution does not answer its own checks.
            GraderError: the cluster is lost.
        """
        data = remote.submission_to_bytes(submission)
        while True:
            answer = self._asked(data)
            kind = answer["kind"]
            if kind == "mark":
                name = answer["worker"]
                self._warnings.update(f"worker {name}: {warning}" for warning in answer["warnings"])
                return mark_from_json(answer["mark"], answer["elapsed_s"])
            if kind == "needs":
                self._deliver(answer["worker"], answer["process"])
            elif kind == "refuses":
                self._refused[answer["worker"]] = answer["reason"]
            elif kind == "course":
                raise CourseError(answer["reason"])
            elif kind == "broken":
                name, worth = self._assignment.name, self._assignment.hundredths
                return mark_broken(submission, name, worth, answer["reason"], self.facts)

    def _asked(self, data: bytes) -> dict[str, Any]:
        """What some worker answered, or what became of the question."""
        among = self._fit() if self._refused else None
        future = self._client.submit(
            remote.mark,
            self._digest,
            self._conditions,
            data,
            key=f"autograder-{uuid.uuid4().hex}",
            workers=among,
            pure=False,
        )
        while True:
            try:
                answer: dict[str, Any] = json.loads(future.result(timeout=LOOK_S))
                self._seen = time.monotonic()
                return answer
            except self._distributed.TimeoutError:
                fit = self._fit()
                if among is not None and not set(among) & set(fit):  # all it was meant for are gone
                    future.cancel()
                    return {"kind": "again"}
            except self._distributed.KilledWorker:
                return {"kind": "broken", "reason": "several workers were lost while they graded it."}
            except self._distributed.CancelledError as error:
                raise GraderError(f"{self._address}: the scheduler was lost. {_GO_ON}") from error
            except Exception as error:  # whatever a worker raised that has not our package, or not this version
                raise GraderError(
                    f"A worker cannot grade ({type(error).__name__}: {_first_line(error)}). "
                    f"Is autograder installed there, in the version of this machine? {_GO_ON}"
                ) from error

    def _fit(self) -> list[str]:
        """The workers that are there and have not refused.

        Raises:
            UsageError: there are workers, and all of them have refused.
            GraderError: there has been none for long.
        """
        try:
            there = list(self._client.nthreads())
        except Exception as error:  # many kinds, all of a connection that is gone
            raise GraderError(f"{self._address}: the scheduler was lost. {_GO_ON}") from error
        fit = [address for address in there if address not in self._refused]
        if fit:
            self._seen = time.monotonic()
        elif there:
            told = "\n".join(f"{address}: {self._refused[address]}" for address in there)
            raise UsageError(f"No worker is left that may grade. {_GO_ON}\n{told}")
        elif time.monotonic() - self._seen > PATIENCE_S:
            raise GraderError(f"{self._address}: there has been no worker for {PATIENCE_S:g} s. {_GO_ON}")
        return fit

    def _deliver(self, worker: str, process: str) -> None:
        """Send the bundle to a worker process, once; one that does not receive it gets no work.

        Raises:
            GraderError: the scheduler was lost.
        """
        with self._lock:
            if process in self._delivered:
                return
            try:
                answers = self._client.run(remote.keep_bundle, self._bundle, workers=[worker], on_error="return")
            except Exception as error:  # of many kinds
                self._fit()  # raises where it was the scheduler that is gone, not the worker
                answers = {worker: error}
            # Only one that has said that it has the bundle is not asked again: else it would ask for it for ever.
            answer = answers.get(worker, LookupError("it was not reached"))
            if isinstance(answer, Exception):
                self._refused[worker] = f"it cannot receive the assignment: {_first_line(answer)}"
            else:
                self._delivered.add(process)


class RemoteSlot:
    """A submission on its way; there is nothing to hold."""

    def close(self) -> None:
        """Nothing to leave."""


_GO_ON = "Marks that are finished are kept in the gradebook, if one was named: the same command goes on there."


def _distributed() -> Any:
    try:
        return import_module("distributed")
    except ImportError as error:
        raise UsageError(
            "Grading on a cluster needs the extra `cluster`: pip install 'autograder[cluster]'."
        ) from error


#: What a client shows a scheduler behind TLS, and checks it by, as settings of Dask.
_CERTIFICATES = ("ca-file", "client.cert", "client.key")


def tls_variable(name: str) -> str:
    """The environment variable from which Dask takes a setting of TLS."""
    return f"DASK_DISTRIBUTED__COMM__TLS__{name.replace('.', '__').replace('-', '_').upper()}"


def _missing_certificates() -> list[str]:
    """The variables of those that are not set; a configuration file of Dask's may set them, too."""
    get = import_module("dask.config").get
    return [tls_variable(name) for name in _CERTIFICATES if not get(f"distributed.comm.tls.{name}", None)]


def _first_line(error: BaseException) -> str:
    return visible((str(error).strip() or type(error).__name__).splitlines()[0], 300)
