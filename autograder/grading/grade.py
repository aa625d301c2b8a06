"""The main path: from a folder of notebooks to a list of marks.

    find the notebooks -> let the solution answer every check -> for each notebook: read, sit, compare, mark, explain

Solutions, stubs and listed mistakes take the same path; see `autograder.grading.validate`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from autograder.course.model import Assignment
from autograder.errors import GraderError
from autograder.grading.diagnosis import Casebook
from autograder.grading.key import AnswerKey, make_key
from autograder.grading.layouts import compile_id_pattern
from autograder.grading.marking import Reveal, mark_transcript, mark_unread
from autograder.grading.submissions import Submission, find_submissions, recognised
from autograder.grading.words import public_part, with_words
from autograder.records.mark import Mark
from autograder.records.provenance import provenance
from autograder.sandbox.host import Sandbox, Slot
from autograder.sandbox.limits import Limits
from autograder.sandbox.sitting import Transcript, sit

if TYPE_CHECKING:
    from autograder.records.gradebook import Gradebook, RunBook


class Readable(Protocol):
    """A submission that is read when its turn comes."""

    def read(self) -> Submission:
        """The submission; never raises for what the file contains."""


@dataclass(frozen=True)
class Run:
    """One batch.

    Attributes:
        assignment: its name.
        marks: sorted by student and file.
        provenance: what all its marks depend on.
        warnings: what the sandbox of this machine cannot promise.
        elapsed_s: wall clock of the whole run.
        notes: how the students' ids were read, where a platform's names were recognised.
    """

    assignment: str
    marks: tuple[Mark, ...]
    provenance: dict[str, Any]
    warnings: tuple[str, ...]
    elapsed_s: float
    notes: tuple[str, ...] = ()


OnMark = Callable[[Mark, int, int], None]


def grade(
    assignment: Assignment,
    paths: Iterable[Path],
    *,
    workers: int,
    seed: int = 0,
    reveal: Reveal = "hint",
    limits: Limits | None = None,
    trust: bool = False,
    on_mark: OnMark | None = None,
    gradebook: Gradebook | None = None,
    force: bool = False,
    id_pattern: str | None = None,
) -> Run:
    """Grade notebooks against an assignment's solution.

    Args:
        assignment: what they answer.
        paths: notebooks, folders and zip archives.
        workers: how many are graded at the same time.
        seed: from which the inputs of hidden checks are drawn.
        reveal: how much a failed hidden check may tell.
        limits: of each submission.
        trust: run even where this machine cannot hold hostile code.
        on_mark: called in the calling thread as each mark is ready, with the number done and the number in all.
        gradebook: where each mark is kept as it is ready. Notebooks that have not changed since a run under the
            same conditions keep their marks, so a run that was killed goes on where it was.
        force: grade those again, too.
        id_pattern: regular expression that finds a student's id, as its group ``id``, in the path of a notebook.

    Raises:
        UsageError: nothing to grade, a pattern that is none, or this machine is not able to hold hostile code.
        CourseError: the solution does not answer its own checks.
        GraderError: the sandbox broke.
    """
    started = time.monotonic()
    paths = list(paths)
    pattern = compile_id_pattern(id_pattern) if id_pattern else None
    sources = find_submissions(paths, assignment.name, id_pattern=pattern)
    limits = limits or Limits()
    with Sandbox(limits, trust=trust, secret=[assignment.folder, *paths]) as sandbox:
        with closing(sandbox.slot()) as slot:
            key = make_key(assignment, seed, slot, limits)
        facts = facts_of(key, sandbox)
        casebook = Casebook(assignment, limits) if reveal != "none" else None
        book = None
        if gradebook is not None:
            named = sorted(str(path.resolve()) for path in paths)
            # The pattern decides whose a notebook is, so a run that used another one is another run.
            conditions = facts | {"reveal": reveal} | ({"id_pattern": id_pattern} if id_pattern else {})
            book = gradebook.begin_run(assignment.name, conditions, named, force=force)
        marks = mark_all(
            sources, key, sandbox, workers=workers, reveal=reveal, casebook=casebook, on_mark=on_mark, book=book
        )
        if book is not None:
            book.finish()
    elapsed_s = time.monotonic() - started
    return Run(assignment.name, tuple(marks), facts, sandbox.warnings, elapsed_s, tuple(recognised(sources)))


def mark_all(
    sources: Iterable[Readable],
    key: AnswerKey,
    sandbox: Sandbox,
    *,
    workers: int,
    reveal: Reveal,
    casebook: Casebook | None = None,
    on_mark: OnMark | None = None,
    book: RunBook | None = None,
) -> list[Mark]:
    """Mark every submission, or find its mark in the gradebook; the result keeps their order, whoever ended first."""
    sources = list(sources)
    facts = facts_of(key, sandbox)
    marks: dict[int, Mark] = {}

    def work(wait: bool, number: int, slot: Slot) -> tuple[int, Mark | None]:
        submission = sources[number].read()
        make = partial(mark_one, submission, key, slot, sandbox.limits, reveal, facts, casebook=casebook)
        if book is None:
            return number, make()
        return number, book.graded(submission, make, lease_s=_lease_s(sandbox.limits), wait=wait)

    def keep(found: tuple[int, Mark | None], _done: int, _total: int) -> None:
        number, mark = found
        if mark is not None:
            marks[number] = mark
            if on_mark is not None:
                on_mark(mark, len(marks), len(sources))

    # What another grader on the same gradebook is at work on is left for the end, and then waited for.
    for wait in (False, True):
        left = [number for number in range(len(sources)) if number not in marks]
        if left:
            in_slots(left, partial(work, wait), sandbox, workers=workers, on_done=keep)
    return [marks[number] for number in range(len(sources))]


Item = TypeVar("Item")
Result = TypeVar("Result")


def in_slots(
    items: Sequence[Item],
    work: Callable[[Item, Slot], Result],
    sandbox: Sandbox,
    *,
    workers: int,
    on_done: Callable[[Result, int, int], None] | None = None,
) -> list[Result]:
    """Do the work of every item, several at a time, each in a slot of its own; results keep the order of the items.

    Args:
        items: what is to be done.
        work: does one; called in a thread.
        sandbox: gives the slots.
        workers: how many at the same time.
        on_done: called in the calling thread with each result as it is ready, the number done and the number in all.
    """
    with _slots(sandbox, workers) as free, ThreadPoolExecutor(workers) as threads:

        def in_slot(item: Item) -> Result:
            slot = free.get()
            try:
                return work(item, slot)
            finally:
                free.put(slot)

        futures: list[Future[Result]] = [threads.submit(in_slot, item) for item in items]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                if on_done is not None:
                    on_done(future.result(), done, len(futures))
        except BaseException:
            # Ctrl-C, or an error of the caller's: what runs is ended at once instead of being waited for.
            threads.shutdown(wait=False, cancel_futures=True)
            sandbox.close()
            raise
        return [future.result() for future in futures]


def _lease_s(limits: Limits) -> float:
    """Longer than any submission can take: two sittings, each tried twice, and what is done around them."""
    return 4 * limits.submission_s + 120


def mark_one(
    source: Readable,
    key: AnswerKey,
    slot: Slot,
    limits: Limits,
    reveal: Reveal,
    facts: dict[str, Any],
    *,
    casebook: Casebook | None = None,
    keep: Callable[[Transcript], None] | None = None,
) -> Mark:
    """Read, sit, compare and mark one submission. A fault of ours costs this one mark and no points.

    With a casebook the mark names misconceptions; `keep` gets the transcript, for those who want more than the mark.
    """
    started = time.monotonic()
    submission = source.read()
    if submission.rejected:
        mark = mark_unread(submission, key, "rejected", facts)
    else:
        try:
            transcript = _sit_twice_if_broken(slot, submission, key, limits)
            if keep is not None:
                keep(transcript)
            mark = mark_transcript(submission, key, transcript, reveal, facts)
            if reveal != "full":
                mark = _retold(mark, submission, key, transcript, slot, limits)
            if casebook is not None:
                mark = casebook.explain(mark, key, transcript, slot)
        except GraderError as error:
            mark = _mark_broken(submission, key, str(error), facts)
        except Exception as error:  # a bug of ours that one submission has found must not take the others with it
            at = extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__} in {Path(at.filename).name}, line {at.lineno}"
            mark = _mark_broken(submission, key, reason, facts)
    return replace(mark, elapsed_s=time.monotonic() - started)


def _retold(
    mark: Mark, submission: Submission, key: AnswerKey, transcript: Transcript, slot: Slot, limits: Limits
) -> Mark:
    """The mark with the student's own words from a sitting without hidden checks; see `autograder.grading.words`."""
    part = public_part(key, transcript, mark)
    if part is None:
        return with_words(mark)
    # Those that ended their job.
    stopped = tuple(cell for cell in transcript.cells if cell.status == "limit" and not cell.traceback)
    cells = [cell for cell in submission.cells if cell[0] not in {report.number for report in stopped}]
    try:
        second = sit(slot, cells, [question.inquiry for question in part.questions], limits)
    except GraderError:
        # Points and verdicts are there; the words that may be told in any case have to do.
        return with_words(mark)
    second = replace(second, cells=(*second.cells, *stopped))
    return with_words(mark, mark_transcript(submission, part, second, "full", {}), [number for number, _ in cells])


def _mark_broken(submission: Submission, key: AnswerKey, reason: str, facts: dict[str, Any]) -> Mark:
    told = replace(submission, rejected=f"The grader itself failed: {reason}")
    return mark_unread(told, key, "grader_error", facts)


def _sit_twice_if_broken(slot: Slot, submission: Submission, key: AnswerKey, limits: Limits) -> Transcript:
    """A sitting, with one more try when the zygote itself was lost under it."""
    inquiries = [question.inquiry for question in key.questions]
    try:
        return sit(slot, submission.cells, inquiries, limits)
    except GraderError:
        return sit(slot, submission.cells, inquiries, limits)


def facts_of(key: AnswerKey, sandbox: Sandbox) -> dict[str, Any]:
    """Everything that marks of this key in this sandbox depend on."""
    return provenance(
        device=sandbox.device,
        seed=key.seed,
        checks_sha256=key.checks_sha256,
        solution_sha256=key.solution_sha256,
        limits=sandbox.limits.as_dict(),
        layers=sandbox.layers,
    )


@contextmanager
def _slots(sandbox: Sandbox, count: int) -> Iterator[SimpleQueue[Slot]]:
    """A queue of slots, closed together at the end."""
    slots = [sandbox.slot() for _ in range(count)]
    free: SimpleQueue[Slot] = SimpleQueue()
    for slot in slots:
        free.put(slot)
    try:
        yield free
    finally:
        for slot in slots:
            slot.close()
