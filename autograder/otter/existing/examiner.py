"""One submission in, one mark out, for an assignment of Otter.

    read the archive -> let a job say what its test files hold -> for each notebook: sit, with the tests apart;
    sit again for the questions whose tests have to run beside the code; mark

The rest of the way (finding notebooks, slots, gradebook, reports) is that of every assignment.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import UsageError
from autograder.grading.examine import Terms, cores, mark_safely
from autograder.grading.grade import OnMark, Run, run_in
from autograder.grading.layouts import compile_id_pattern
from autograder.grading.marking import Reveal, cell_marks
from autograder.grading.submissions import Submission, find_submissions, recognised
from autograder.otter.existing.archive import Archive
from autograder.otter.existing.handed_in import with_files
from autograder.otter.existing.relay import Apart, Beside, Courtroom, KnownCase, Question, files_frame, put_files
from autograder.otter.existing.stand_in import NotCarried
from autograder.records.mark import CheckMark, Mark, QuestionMark, Verdict
from autograder.records.provenance import provenance
from autograder.sandbox.ahead import FEW
from autograder.sandbox.host import Sandbox, Slot
from autograder.sandbox.sitting import Outcome, Transcript, sit
from autograder.sandbox.warm import PRELOAD
from autograder.text import visible

if TYPE_CHECKING:
    from autograder.records.gradebook import Gradebook

_SERVERS = ("autograder.otter.existing.referee",)
_LONGEST = 2_000
_CHANNEL_MIB = 256


@dataclass(frozen=True)
class Pair:
    """Where one submission is marked: a slot for the notebook's jobs, and one for those of the tests."""

    notebook: Slot
    tests: Slot

    def close(self) -> None:
        """Leave nothing behind."""
        self.notebook.close()
        self.tests.close()


class OtterExaminer:
    """Marks submissions of one Otter assignment under fixed terms.

    Args:
        archive: the assignment.
        terms: level of telling and limits.
        beside: questions whose tests have to run beside the student's code, further to those that want all names.
        solution: the notebook that is worth all points. With it every question is tried with its tests apart, and only
            where that does not give all points do they run beside the code.
        secret: paths that no job may be able to read.
        many: whether more than a few submissions follow.

    Attributes:
        facts: everything the marks depend on besides the notebooks.
        warnings: what the sandbox cannot promise, settings that are not followed, questions that can be forged.

    Raises:
        UsageError: this machine cannot hold hostile code; on entering: a test file that cannot be used, or a question
            that is not there.
        GraderError: the sandbox broke.
    """

    def __init__(
        self,
        archive: Archive,
        terms: Terms,
        *,
        beside: Iterable[str] = (),
        solution: Submission | None = None,
        secret: Sequence[str | Path] = (),
        many: bool = False,
    ) -> None:
        # All that tests and answers exchange crosses the channels, not the answers alone.
        most = max(terms.limits.channel_mib, _CHANNEL_MIB)
        self.archive, self.terms = archive, replace(terms, limits=replace(terms.limits, channel_mib=most))
        unknown = sorted(set(beside) - archive.tests.keys())
        if unknown:
            raise UsageError(f"There is no question {unknown[0]!r}; there are {', '.join(archive.tests)}.")
        self._beside, self._solution = frozenset(beside), solution
        preload = (*PRELOAD, *_SERVERS)
        self.sandbox = Sandbox(terms.limits, trust=terms.trust, secret=secret, preload=preload, many=many)
        self.warnings = list(self.sandbox.warnings)
        self._files = files_frame(archive.files)

    def __enter__(self) -> OtterExaminer:
        self.sandbox.__enter__()
        try:
            with closing(self.slot()) as pair:
                with Courtroom(pair.tests, self._files, self.terms.limits) as room:
                    self.questions = tuple(self._described(room, *item) for item in self.archive.tests.items())
                self.beside = self._decide(pair)
        except BaseException:
            self.close()
            raise
        self.facts = provenance(
            device="cpu",
            seed=self.archive.seed or 0,
            checks_sha256=self.archive.sha256,
            solution_sha256=self._solution.sha256 if self._solution else "",
            limits=self.terms.limits.as_dict(),
            layers=self.sandbox.layers,
        ) | {"beside": sorted(self.beside)}
        if self.archive.unfollowed:
            self.warnings.append(f"otter_config.json: not followed here: {', '.join(self.archive.unfollowed)}.")
        if self._solution is None and len(self.beside) < len(self.questions):
            self.warnings.append(
                "Without --solution it is not known which tests want more than what stands in for a student's function "
                "can give; those would fail here for everybody."
            )
        if self.beside:
            self.warnings.append(
                f"The tests of {', '.join(sorted(self.beside))} run beside the student's code, which could forge their "
                "outcome, as it can with `otter run`."
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process of the sandbox."""
        self.sandbox.close()

    def slot(self) -> Pair:
        """A place where one submission at a time is marked."""
        return Pair(self.sandbox.slot(), self.sandbox.slot())

    def width(self) -> int:
        """How many submissions this machine may well grade at the same time: one per core."""
        return cores()

    def lease_s(self) -> float:
        """Longer than any submission can take: two sittings, and as much again for the tests."""
        return 8 * self.terms.limits.submission_s + 120

    def mark(self, submission: Submission, pair: Pair) -> Mark:
        """The mark of one submission. A fault of ours costs this one mark and no points."""
        whole = sum(_hundredths(question)[-1] for question in self.questions)
        make = partial(self._marked, pair=pair, beside=self.beside)
        return mark_safely(submission, self.archive.name, whole, self.facts, make)

    def _described(self, room: Courtroom, name: str, source: str) -> Question:
        found = room.describe(name, source)
        if isinstance(found, str):
            raise UsageError(f"tests/{name}.py of the archive cannot be used: {found}.")
        return found

    def _decide(self, pair: Pair) -> frozenset[str]:
        """The questions whose tests have to run beside the student's code."""
        if self._solution is None:
            return self._beside | {question.name for question in self.questions if question.whole}
        if self._solution.rejected:
            raise UsageError(f"{self._solution.file}: {self._solution.rejected}")
        beside = self._beside
        while True:  # what takes nearly all its time passes once and not the next time
            answers, _ = self._sat(self._solution, pair, self.questions, beside)
            failing = {q.name for q in self.questions if not all(map(_passed, answers[q.name]))}
            if failing <= beside:
                break
            beside |= failing
        for question in self.questions:
            failed = [c.name for c, o in zip(question.cases, answers[question.name], strict=True) if not _passed(o)]
            if failed:
                self.warnings.append(f"{question.name}: the solution fails {', '.join(failed)}.")
        return beside

    def _sat(
        self, submission: Submission, pair: Pair, questions: Sequence[Question], beside: frozenset[str]
    ) -> tuple[Mapping[str, Sequence[Outcome]], Transcript]:
        """What was found for every question, and the transcript of the first sitting."""
        limits = self.terms.limits
        cells = list(_seeded(submission.cells, self.archive.seeding()))
        frames = [self._files, *([files_frame(dict(submission.files), of_student=True)] if submission.files else [])]
        prepare = partial(put_files, frames=frames)
        with Courtroom(pair.tests, self._files, limits) as room:
            apart = [Apart(question, room) for question in questions if question.name not in beside]
            together = [Beside(question) for question in questions if question.name in beside]
            groups: list[Sequence[Apart | Beside]] = [group for group in (apart, together) if group] or [()]
            sittings = [sit(pair.notebook, cells, group, limits, prepare=prepare) for group in groups]
        answers = {name: outcomes for sitting in sittings for name, outcomes in sitting.answers.items()}
        cells_of_notebook = tuple(cell for cell in sittings[0].cells if cell.number > 0)
        return answers, replace(sittings[0], cells=cells_of_notebook)

    def _marked(self, submission: Submission, pair: Pair, beside: frozenset[str]) -> Mark:
        answers, transcript = self._sat(submission, pair, self.questions, beside)
        words, told = answers, transcript
        if self.terms.reveal != "full" and any(question != question.public() for question in self.questions):
            words, told = self._words(submission, pair, beside, answers, transcript)
        questions = tuple(_question_mark(q, answers[q.name], words, self.terms.reveal) for q in self.questions)
        broken = any(check.verdict == "grader_error" for question in questions for check in question.checks)
        flags = [f"{name}: tested beside the student's code" for name in sorted(beside)]
        flags += [
            f"{name}: a test does what cannot be done from another process; look at the answer and grade it with "
            f"--beside {name}"
            for name, outcomes in answers.items()
            if any(str(outcome.parts.get("text", "")).startswith(f"{NotCarried.__name__}: ") for outcome in outcomes)
        ]
        return Mark(
            self.archive.name,
            submission.student,
            submission.file,
            submission.sha256,
            "grader_error" if broken else "graded",
            sum(question.max_hundredths for question in questions),
            (*submission.flags, *flags),
            questions,
            cell_marks(told),
            self.facts,
        )

    def _words(
        self,
        submission: Submission,
        pair: Pair,
        beside: frozenset[str],
        answers: Mapping[str, Sequence[Outcome]],
        transcript: Transcript,
    ) -> tuple[Mapping[str, Sequence[Outcome]], Transcript]:
        """What may be told: by code that has never seen what the hidden cases put in."""
        public = [q.public() for q in self.questions if q.public().cases]
        failed = any(
            not case.hidden and not _passed(outcome)
            for q in self.questions
            for case, outcome in zip(q.cases, answers[q.name], strict=True)
        )
        if not failed and not cell_marks(transcript):
            return {}, transcript
        stopped = tuple(cell for cell in transcript.cells if cell.status == "limit" and not cell.traceback)
        numbers = {cell.number for cell in stopped}
        again = replace(submission, cells=tuple(cell for cell in submission.cells if cell[0] not in numbers))
        found, second = self._sat(again, pair, public, beside)
        words: dict[str, Sequence[Outcome]] = {}
        for question in self.questions:
            outcomes = iter(found.get(question.name, ()))
            words[question.name] = [_UNTOLD if case.hidden else next(outcomes) for case in question.cases]
        return words, replace(second, cells=(*second.cells, *stopped))


def grade_existing(
    archive: Archive,
    paths: Iterable[Path],
    *,
    workers: int | None,
    terms: Terms | None = None,
    beside: Iterable[str] = (),
    solution: Path | None = None,
    on_mark: OnMark | None = None,
    gradebook: Gradebook | None = None,
    force: bool = False,
    id_pattern: str | None = None,
) -> Run:
    """Grade notebooks against the tests of an Otter assignment.

    Args:
        archive: the assignment.
        paths: notebooks, folders and zip archives.
        workers: how many are graded at the same time; None for one per core.
        terms: level of telling and limits; the seed is that of the archive.
        beside: questions whose tests have to run beside the student's code.
        solution: notebook of the solution, see `OtterExaminer`.
        on_mark: called with each mark as it is ready, the number done and the number in all.
        gradebook: where each mark is kept as it is ready.
        force: grade again what the gradebook has a mark for.
        id_pattern: finds a student's id in the path of a notebook.
    """
    started = time.monotonic()
    paths = list(paths)
    pattern = compile_id_pattern(id_pattern) if id_pattern else None
    belongs = archive.name if archive.named else ""
    sources = [
        replace(source, assignment=belongs) for source in find_submissions(paths, archive.name, id_pattern=pattern)
    ]
    solved = [] if solution is None else [replace(find_submissions([solution], archive.name)[0], assignment="")]
    known = with_files(solved)[0].read() if solved else None
    terms = terms or Terms()
    return run_in(
        OtterExaminer(archive, terms, beside=beside, solution=known, secret=paths, many=len(sources) > FEW),
        archive.name,
        with_files(sources),
        conditions={"reveal": terms.reveal} | ({"id_pattern": id_pattern} if id_pattern else {}),
        named=sorted(str(path.resolve()) for path in paths),
        workers=workers,
        on_mark=on_mark,
        gradebook=gradebook,
        force=force,
        notes=tuple(recognised(sources)),
        started=started,
    )


def _seeded(cells: Iterable[tuple[int, str]], seeding: str) -> Iterable[tuple[int, str]]:
    """The cells, before each one that seeds, under a number that no cell has."""
    for number, source in cells:
        if seeding and not source.startswith("%%"):
            yield -number, seeding
        yield number, source


def _passed(outcome: Outcome) -> bool:
    return outcome.kind == "answer" and outcome.parts["passed"] is True


def _hundredths(question: Question) -> list[int]:
    """Points of the cases added up, in hundredths; a whole that is shared out is not lost in rounding."""
    sums, total = [], 0.0
    for case in question.cases:
        total += case.points
        sums.append(round(100 * total))
    return sums or [0]


#: Stands where nothing may be told.
_UNTOLD = Outcome("answer", {"passed": True, "text": "", "line": ""})


def _question_mark(
    question: Question, outcomes: Sequence[Outcome], words: Mapping[str, Sequence[Outcome]], reveal: Reveal
) -> QuestionMark:
    """The mark of a question; `words` are the outcomes whose texts may be told."""
    sums = [0, *_hundredths(question)]
    nothing = question.all_or_nothing and not all(map(_passed, outcomes))
    checks = []
    for number, (case, outcome) in enumerate(zip(question.cases, outcomes, strict=True)):
        worth = sums[number + 1] - sums[number]
        verdict = _verdict(outcome)
        earned = worth if verdict == "pass" and not nothing else 0
        spoken = words[question.name][number] if question.name in words else _UNTOLD
        text = "" if case.hidden and reveal == "none" else _told(case, verdict, spoken, nothing)
        checks.append(CheckMark(visible(case.name, 200), not case.hidden, verdict, earned, worth, text))
    return QuestionMark(question.name, sums[-1], False, tuple(checks))


def _verdict(outcome: Outcome) -> Verdict:
    if outcome.kind == "answer":
        return "pass" if outcome.parts["passed"] is True else "fail"
    return {"missing": "missing", "raised": "error", "died": "error", "limit": "limit"}.get(  # type: ignore[return-value]
        outcome.kind, "grader_error"
    )


def _told(case: KnownCase, verdict: Verdict, spoken: Outcome, nothing: bool) -> str:
    """What is said of a case: the author's own words, and of the test and the answer what may be told."""
    if verdict == "pass":
        held = case.success_message or ""
        return visible(f"{held} This question earns its points only as a whole.".strip() if nothing else held, _LONGEST)
    lines = [case.failure_message or ""]
    if spoken.kind != "answer":
        lines.append(f"The question {spoken.message}.")
    elif spoken.parts["passed"] is not True:
        lines += [spoken.parts["text"], f"  {spoken.parts['line']}" if spoken.parts["line"] else ""]
    return visible("\n".join(filter(None, lines)), _LONGEST, keep_newlines=True)
