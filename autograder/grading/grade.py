"""The main path: from a folder of notebooks to their marks.

    find the notebooks -> let the solution answer every check -> for each notebook: read, sit, compare, mark, explain

One notebook after the other is read, marked (`autograder.grading.examine`) and kept; nothing here grows with a class.
Solutions, stubs and listed mistakes take the same path; see `autograder.grading.validate`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from autograder.course.model import Assignment
from autograder.grading.cluster import Cluster
from autograder.grading.examine import Examiner, Readable, Terms
from autograder.grading.layouts import compile_id_pattern
from autograder.grading.marking import Reveal
from autograder.grading.submissions import Submission, find_submissions, recognised
from autograder.records.mark import Kept, Mark
from autograder.sandbox.ahead import FEW
from autograder.sandbox.devices import CPU
from autograder.sandbox.limits import Limits

if TYPE_CHECKING:
    from autograder.records.gradebook import Gradebook


@dataclass(frozen=True)
class Run:
    """One batch.

    Attributes:
        assignment: its name.
        marks: sorted by student and file; of a run with a gradebook each is read there when it is asked for.
        provenance: what all its marks depend on.
        warnings: what the sandbox of this machine, or of a worker, cannot promise.
        elapsed_s: wall clock of the whole run.
        notes: how the students' ids were read, where a platform's names were recognised.
    """

    assignment: str
    marks: Sequence[Mark]
    provenance: dict[str, Any]
    warnings: tuple[str, ...]
    elapsed_s: float
    notes: tuple[str, ...] = ()


OnMark = Callable[[Mark, int, int], None]


def grade(
    assignment: Assignment,
    paths: Iterable[Path],
    *,
    workers: int | None,
    seed: int = 0,
    reveal: Reveal = "hint",
    limits: Limits | None = None,
    trust: bool = False,
    on_mark: OnMark | None = None,
    gradebook: Gradebook | None = None,
    force: bool = False,
    id_pattern: str | None = None,
    scheduler: str | None = None,
    layers: Iterable[str] | None = None,
    devices: Sequence[str] = (CPU,),
    jobs_per_device: int = 1,
) -> Run:
    """Grade notebooks against an assignment's solution.

    Args:
        assignment: what they answer.
        paths: notebooks, folders and zip archives.
        workers: how many are graded at the same time; None for one per core, or two per thread of a cluster.
        seed: from which the inputs of hidden checks are drawn.
        reveal: how much a failed hidden check may tell.
        limits: of each submission.
        trust: run even where this machine cannot hold hostile code.
        on_mark: called in the calling thread as each mark is ready, with the number done and the number in all.
        gradebook: where each mark is kept as it is ready. Notebooks that have not changed since a run under the
            same conditions keep their marks, so a run that was killed goes on where it was.
        force: grade those again, too.
        scheduler: address of a Dask scheduler whose workers grade (``tcp://host:8786``); None for this machine.
        layers: of the sandbox, which every worker of the cluster must have; None for those of this machine.
        devices: where torch questions are asked, as `autograder.sandbox.devices.chosen` gives them; a check passes
            where it passes on all of them. All other questions are asked on the CPU.
        jobs_per_device: how many jobs may use an accelerator at the same time.
        id_pattern: regular expression that finds a student's id, as its group ``id``, in the path of a notebook.

    Raises:
        UsageError: nothing to grade; no such device; a pattern that is none; this machine, or every worker, is not
            able to hold hostile code; no scheduler.
        CourseError: the solution does not answer its own checks.
        GraderError: the sandbox broke, or the cluster was lost.
    """
    started = time.monotonic()
    paths = list(paths)
    pattern = compile_id_pattern(id_pattern) if id_pattern else None
    sources = find_submissions(paths, assignment.name, id_pattern=pattern)
    terms = Terms(seed, reveal, limits or Limits(), trust, tuple(devices))
    pool: AbstractContextManager[_Marks]
    few = [source.read() for source in sources] if len(sources) <= FEW and scheduler is None else []
    if scheduler is None:
        secret = [assignment.folder, *paths]
        pool = Examiner(assignment, terms, secret=secret, few=few, jobs_per_device=jobs_per_device)
    else:
        pool = Cluster(scheduler, assignment, terms, layers=layers)
    return run_in(
        pool,
        assignment.name,
        few or sources,
        conditions={"reveal": reveal} | ({"id_pattern": id_pattern} if id_pattern else {}),
        named=sorted(str(path.resolve()) for path in paths),
        workers=workers,
        on_mark=on_mark,
        gradebook=gradebook,
        force=force,
        notes=tuple(recognised(sources)),
        started=started,
    )


def run_in(
    pool: AbstractContextManager[_Marks],
    assignment: str,
    sources: Sequence[Readable],
    *,
    conditions: dict[str, Any],
    named: Sequence[str],
    workers: int | None,
    on_mark: OnMark | None,
    gradebook: Gradebook | None,
    force: bool,
    notes: tuple[str, ...],
    started: float,
) -> Run:
    """Mark every submission, with what goes on around it.

    Args:
        pool: an examiner, or a cluster of them; opened here.
        assignment: its name.
        sources: the submissions.
        conditions: what the run depends on besides the facts of the pool. The pattern decides whose a notebook is, so a
            run that used another one is another run.
        named: what the operator named, for the gradebook.
        workers: how many are graded at the same time; None for what the pool thinks fit.
        on_mark: as in `grade`.
        gradebook: as in `grade`.
        force: as in `grade`.
        notes: of the run.
        started: on the monotonic clock.
    """
    with pool as examiner:
        book: _Book = _Memory()
        if gradebook is not None:
            book = gradebook.begin_run(assignment, examiner.facts | conditions, list(named), force=force)
        marks = mark_all(sources, examiner, workers=workers or examiner.width(), on_mark=on_mark, book=book)
        book.finish()
    return Run(assignment, marks, examiner.facts, tuple(examiner.warnings), time.monotonic() - started, notes)


def mark_all(
    sources: Sequence[Readable],
    examiner: _Marks,
    *,
    workers: int,
    on_mark: OnMark | None,
    book: _Book,
) -> Sequence[Mark]:
    """Mark every submission, or find its mark in the gradebook; the result keeps their order, whoever ended first."""
    kept: dict[int, int] = {}
    place: _Place[Any] = examiner

    def work(wait: bool, number: int, slot: Any) -> tuple[int, Kept | None]:
        submission = sources[number].read()
        make = partial(examiner.mark, submission, slot)
        return number, book.graded(submission, make, lease_s=examiner.lease_s(), wait=wait)

    # What another grader on the same gradebook is at work on is left for the end, and then waited for.
    for wait_for_others in (False, True):
        left = [number for number in range(len(sources)) if number not in kept]
        with closing(as_ready(left, partial(work, wait_for_others), place, workers=workers)) as ready:
            for number, found in ready:
                if found is not None:
                    kept[number] = found.id
                    if on_mark is not None:
                        on_mark(found.mark, len(kept), len(sources))
    return book.sequence([kept[number] for number in range(len(sources))])


class _Marks(Protocol):
    """An examiner, or a cluster of them."""

    @property
    def facts(self) -> dict[str, Any]: ...

    @property
    def warnings(self) -> Sequence[str]: ...

    def slot(self) -> Any: ...

    def close(self) -> None: ...

    def mark(self, submission: Submission, slot: Any) -> Mark: ...

    def width(self) -> int: ...

    def lease_s(self) -> float: ...


class _Book(Protocol):
    """Where the marks of a run are kept; see `autograder.records.gradebook.run.RunBook`."""

    def graded(
        self, submission: Submission, make: Callable[[], Mark], *, lease_s: float, wait: bool
    ) -> Kept | None: ...

    def sequence(self, ids: Sequence[int]) -> Sequence[Mark]: ...

    def finish(self) -> None: ...


class _Memory:
    """Stands in for a gradebook where none was named: all marks stay in memory."""

    def __init__(self) -> None:
        self._marks: dict[int, Mark] = {}
        self._ids = itertools.count()

    def graded(self, submission: Submission, make: Callable[[], Mark], *, lease_s: float, wait: bool) -> Kept:
        kept = Kept(next(self._ids), make())
        self._marks[kept.id] = kept.mark
        return kept

    def sequence(self, ids: Sequence[int]) -> tuple[Mark, ...]:
        return tuple(self._marks[number] for number in ids)

    def finish(self) -> None:
        pass


Item = TypeVar("Item")
Result = TypeVar("Result")
AnySlot = TypeVar("AnySlot", bound="_Closes")
GivenSlot = TypeVar("GivenSlot", bound="_Closes", covariant=True)


class _Closes(Protocol):
    def close(self) -> None: ...


class _Place(Protocol[GivenSlot]):
    """A sandbox, an examiner or a cluster: what gives slots."""

    def slot(self) -> GivenSlot: ...

    def close(self) -> None: ...


def in_slots(
    items: Sequence[Item],
    work: Callable[[Item, AnySlot], Result],
    place: _Place[AnySlot],
    *,
    workers: int,
    on_done: Callable[[Result, int, int], None] | None = None,
) -> list[Result]:
    """Do the work of every item, several at a time, each in a slot of its own; results keep the order of the items.

    Args:
        items: what is to be done.
        work: does one; called in a thread.
        place: gives the slots.
        workers: how many at the same time.
        on_done: called in the calling thread with each result as it is ready, the number done and the number in all.
    """
    results: dict[int, Result] = {}

    def numbered(number: int, slot: AnySlot) -> tuple[int, Result]:
        return number, work(items[number], slot)

    with closing(as_ready(range(len(items)), numbered, place, workers=workers)) as ready:
        for number, result in ready:
            results[number] = result
            if on_done is not None:
                on_done(result, len(results), len(items))
    return [results[number] for number in range(len(items))]


def as_ready(
    items: Iterable[Item],
    work: Callable[[Item, AnySlot], Result],
    place: _Place[AnySlot],
    *,
    workers: int,
) -> Generator[Result, None, None]:
    """The result of each item as it is ready; of no more than a few is anything held at any time.

    Close the generator when leaving it early: then what runs is ended at once instead of being waited for.
    """
    with _slots(place, workers) as free, ThreadPoolExecutor(workers) as threads:

        def in_slot(item: Item) -> Result:
            slot = free.get()
            try:
                return work(item, slot)
            finally:
                free.put(slot)

        running: list[Future[Result]] = []  # in the order of the items
        try:
            for item in items:
                running.append(threads.submit(in_slot, item))
                if len(running) >= 2 * workers:  # the next ones are ready when a thread is
                    yield from _ready_of(running)
            while running:
                yield from _ready_of(running)
        except BaseException:  # Ctrl-C, an error, or a caller that has had enough
            threads.shutdown(wait=False, cancel_futures=True)
            place.close()
            raise


def _ready_of(running: list[Future[Result]]) -> Iterator[Result]:
    """Wait for some of these, and take out those that are ready; of two that are, the one that was begun first."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    ready = [future for future in running if future in done]
    running[:] = [future for future in running if future not in done]
    del done
    while ready:
        yield ready.pop(0).result()


@contextmanager
def _slots(place: _Place[AnySlot], count: int) -> Iterator[SimpleQueue[AnySlot]]:
    """A queue of slots, closed together at the end."""
    free: SimpleQueue[AnySlot] = SimpleQueue()
    with ExitStack() as opened:
        for _ in range(count):
            free.put(opened.enter_context(closing(place.slot())))
        yield free
