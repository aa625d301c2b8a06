"""What `validate` must notice, on a small course of its own with a flaw in every question."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from autograder.course.load import load_assignment
from autograder.course.probes import call
from autograder.course.values import tensor
from autograder.grading import proofs
from autograder.grading.distort import DISTORTIONS, accepted_distortions, refused_float32
from autograder.grading.key import Case, KeyedCheck, KeyedQuestion
from autograder.grading.tolerance import allowances
from autograder.grading.validate import Finding, Validation, validate
from autograder.reports.junit import junit_xml
from autograder.reports.terminal import validation_report

MASTER = '''\
# %%
import numpy as np


# %%
def sound(x):
    """Twice x."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION


# %%
def blind(x):
    """Twice x."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION


# %%
def generous(x):
    """Twice x."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION


# %%
class given:
    """A pair."""

    def size(self):
        return 2

    def first(self):
        """One."""
        # BEGIN SOLUTION
        return 1
        # END SOLUTION


# %%
def drawn():
    """Noise."""
    # BEGIN SOLUTION
    return np.random.normal()
    # END SOLUTION


# %%
def narrow(x):
    """The identity, at a price."""
    # BEGIN SOLUTION
    return np.log(np.exp(x))
    # END SOLUTION
'''

CHECKS = """\
import numpy as np
from autograder.course import Tolerance, call, call_twice, do, question, steps


def two_checks(q, **options):
    @q.check("ordinary numbers", public=True)
    def _(rng):
        return call(x=rng.normal(size=(3, 4)))

    @q.check("other numbers", **options)
    def _(rng):
        return call_twice(x=rng.normal(size=(3, 4)))


sound = question("sound", points=1)
two_checks(sound)

@sound.check("zeros")
def _(rng):
    return call(x=np.zeros(2))

@sound.mistake("triples", hint="Twice?")
def _(x):
    return 3 * x

@sound.equivalent("adds")
def _(x):
    return x + x

sound.equivalent_mutant("return 2 * x -> return 3 * x", reason="It is not.")


blind = question("blind", points=1)
two_checks(blind)

@blind.mistake("always returns float64", hint="Which dtype?")
def _(x):
    return 2 * np.float64(1) * x

@blind.equivalent("is none")
def _(x):
    return x


generous = question("generous", points=1)
two_checks(generous, tolerance=Tolerance("to show what it costs", absolute=1e9))

@generous.mistake("returns a list", hint="Which type?")
def _(x):
    return x.tolist()


given = question("given", points=1)

@given.check("the size", public=True)
def _(rng):
    return steps(call(), do("size"))

@given.check("the first")
def _(rng):
    return steps(call(), do("first"))


drawn = question("drawn", points=1)

@drawn.check("at home", public=True)
def _(rng):
    return call()

@drawn.check("here")
def _(rng):
    return call()


narrow = question("narrow", points=1)
two_checks(narrow)

@narrow.check("float32")
def _(rng):
    return call(x=np.array([1, 100], dtype=np.float32))
"""


@pytest.fixture(scope="module")
def flawed(tmp_path_factory) -> Validation:
    """The validation of a course that has every flaw."""
    folder = tmp_path_factory.mktemp("flawed")
    home = folder / "solutions" / "hw"
    home.mkdir(parents=True)
    (home / "hw.py").write_text(MASTER, encoding="utf-8")
    (home / "checks.py").write_text(CHECKS, encoding="utf-8")
    return validate(load_assignment(folder, "hw"), workers=2)


@pytest.mark.parametrize(
    ("kind", "question", "name", "told"),
    [
        ("solution", "", "with seed 0", "drawn fails 'here' (fail"),
        ("solution", "", "with seed 1", "drawn fails 'here' (fail"),
        ("stub", "", "as students get it", "given earns 0.5: it passes 'the size'"),
        ("mistake", "blind", "always returns float64", "no hidden check fails it"),
        ("equivalent", "blind", "is none", "blind fails 'ordinary numbers' (fail"),
        ("wrong answer", "generous", "zeros", "accepted by 'other numbers'"),
        ("wrong answer", "generous", "rounded to float16", "accepted by 'other numbers'"),
        ("right answer", "narrow", "computed in float64, rounded to float32", "'float32' refuses the output"),
        ("mutant", "sound", "return 2 * x -> return 3 * x", "declared equivalent (It is not.), but a hidden check"),
        ("all mutants", "", "enough are rejected", "hidden checks reject"),
    ],
)
def test_every_flaw_of_a_course_is_a_breach(flawed, kind, question, name, told):
    (breach,) = [f.breach for f in flawed.breaches if (f.kind, f.question, f.name) == (kind, question, name)]
    assert told in breach


def test_what_is_sound_is_no_breach(flawed):
    assert {f.kind for f in flawed.breaches if f.question == "sound"} == {"mutant"}
    assert [f.kind for f in flawed.breaches if f.question == "blind"] == ["mistake", "equivalent"]
    wrong = {f.name for f in flawed.breaches if (f.kind, f.question) == ("wrong answer", "generous")}
    assert {"zeros", "half", "negated"} <= wrong
    assert not wrong & {"transposed", "an axis too many", "another dtype", "one axis only"}


def test_a_mistake_says_which_hidden_checks_reject_it(flawed):
    (mistake,) = [f for f in flawed.findings if (f.kind, f.question) == ("mistake", "sound")]
    assert mistake.caught_by == ("other numbers",)


def test_every_mistake_is_recognised_by_its_answers(flawed):
    found = {(f.question, f.name): f.breach for f in flawed.findings if f.kind == "diagnosis"}
    assert found["sound", "triples"] == found["generous", "returns a list"] == found["sound", "adds"] == ""
    # In float64 its answers are those of a right function, and it is known to be no mistake there.
    assert flawed.ambiguous == ()


def test_checks_that_no_listed_mistake_fails_are_listed(flawed):
    assert ("sound", "zeros") in flawed.idle
    assert ("sound", "other numbers") not in flawed.idle
    assert ("sound", "ordinary numbers") not in flawed.idle  # public


def test_survivors_show_their_change(flawed):
    survivors = {f.name: f for f in flawed.survivors if f.question == "generous"}
    assert set(survivors) >= {"return 2 * x -> return 3 * x", "return 2 * x -> return 2 / x"}
    assert "-    return 2 * x\n+    return 3 * x" in survivors["return 2 * x -> return 3 * x"].detail
    assert all(f.caught_by for f in flawed.mutants if f.question == "blind")


def test_functions_that_return_views_are_among_the_right_ones(flawed):
    found = {(f.kind, f.question, f.name): f.breach for f in flawed.findings}
    assert found["equivalent", "sound", "returns views with gaps"] == ""


def test_a_document_holds_all_of_a_validation(flawed):
    assert Validation.of_document(json.loads(json.dumps(flawed.to_document()))) == flawed


def test_the_report_tells_breaches_idle_checks_and_survivors(flawed, capsys):
    from rich.console import Console

    Console(width=200).print(validation_report(flawed))
    text = capsys.readouterr().out
    assert "mistake blind: 'always returns float64': no hidden check fails it" in text
    assert "sound: zeros" in text
    assert "generous: return 2 * x -> return 3 * x" in text
    assert "+    return 3 * x" in text


# JUnit ------------------------------------------------------------------------------------------


def test_every_finding_but_a_single_mutant_is_a_case_and_every_breach_a_failure(flawed):
    suite = ElementTree.fromstring(junit_xml([flawed]))[0]
    cases = suite.findall("testcase")
    assert int(suite.get("tests", "")) == len(cases)
    assert int(suite.get("failures", "")) == len(flawed.breaches) == len(suite.findall("testcase/failure"))
    shown = {(case.get("classname"), case.get("name")) for case in cases}
    assert ("hw.blind", "mistake: always returns float64") in shown
    assert ("hw", "all mutants: enough are rejected") in shown
    assert "return 3 * x" in (suite.findtext("system-out") or "")


def test_text_that_xml_cannot_hold_is_made_visible():
    finding = Finding("mistake", "q", "a \x00 name", breach="first line\nwith \x1b and <tag>")
    suite = ElementTree.fromstring(junit_xml([Validation("hw", 100, (finding,))]))[0]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "first line"
    assert failure.text == "first line\nwith \\x1b and <tag>"


# The cache --------------------------------------------------------------------------------------


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """A course, and how often it was really validated."""
    home = tmp_path / "solutions" / "hw"
    home.mkdir(parents=True)
    (home / "hw.py").write_text(MASTER, encoding="utf-8")
    (home / "checks.py").write_text(CHECKS, encoding="utf-8")
    calls: list[str] = []

    def made(assignment, *, breach="", **_):
        calls.append(assignment.name)
        return Validation(assignment.name, 100, (Finding("mistake", "q", "m", breach, ("check",)),))

    monkeypatch.setattr(proofs, "validate", made)
    run = functools.partial(proofs.Proofs(tmp_path).validate, workers=1)
    return tmp_path, lambda **options: run(load_assignment(tmp_path, "hw"), **options), calls


def test_what_has_not_changed_is_not_validated_again(counted):
    folder, run, calls = counted
    assert run() == run()
    assert len(calls) == 1
    assert (folder / ".autograder-cache" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("file", ["hw.py", "checks.py"])
def test_a_change_of_either_file_is_validated(counted, file):
    folder, run, calls = counted
    run()
    path = folder / "solutions" / "hw" / file
    path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    run()
    assert len(calls) == 2


@pytest.mark.parametrize("options", [{"seed": 7}, {"mutants": False}], ids=str)
def test_other_options_are_validated(counted, options):
    _, run, calls = counted
    run()
    run(**options)
    assert len(calls) == 2


def test_another_engine_validates_again(counted, monkeypatch):
    _, run, calls = counted
    run()
    monkeypatch.setattr(proofs, "_sources_sha256", lambda: "other")
    run()
    assert len(calls) == 2


def test_a_breach_is_never_kept(counted, monkeypatch):
    _, run, calls = counted
    monkeypatch.setattr(proofs, "validate", functools.partial(proofs.validate, breach="it is wrong"))
    run()
    run()
    assert len(calls) == 2


@pytest.mark.parametrize("text", ["", "{}", '{"key": 1}', "[]", "\x00"])
def test_a_damaged_file_only_means_to_validate_again(counted, text):
    folder, run, calls = counted
    run()
    (folder / ".autograder-cache" / "validate" / "hw.json").write_text(text)
    run()
    assert len(calls) == 2


def test_without_a_folder_nothing_is_kept(counted, tmp_path):
    folder, _, calls = counted
    for _ in range(2):
        proofs.Proofs(None).validate(load_assignment(folder, "hw"), workers=1)
    assert len(calls) == 2
    assert not (folder / proofs.CACHE_FOLDER).exists()


# Spoiled answers --------------------------------------------------------------------------------


def keyed(expected, *, other=None, absolute=None, **inputs) -> KeyedQuestion:
    """A question with one check of one case."""
    probe = call(**inputs)
    parts = {"output": expected}
    allowed = allowances(parts, None, None, probe)
    if absolute is not None:
        allowed = {path: replace(a, absolute=absolute) for path, a in allowed.items()}
    case = Case(probe, parts, allowed, None if other is None else {"output": other})
    return KeyedQuestion("q", "np", 100, False, (KeyedCheck("c", False, 100, "", (case,)),))


SQUARE = np.array([[1.0, 2.1], [3.3, 4.7]])
#: Answers of every form, with the names of what can be spoiled in them.
EVERY_FORM = {
    "array": SQUARE,
    "float32": SQUARE.astype(np.float32),
    "tensor": tensor(SQUARE),
    "number": np.float64(1.1),
    "Python's float": 1.1,
    "tuple": (SQUARE, 1.1),
    "dict": {"a": SQUARE},
}


@pytest.mark.parametrize("expected", EVERY_FORM.values(), ids=EVERY_FORM)
@pytest.mark.parametrize("distortion", DISTORTIONS, ids=lambda d: d.name)
def test_answers_of_every_form_are_spoiled_and_an_unlimited_tolerance_shows_it(expected, distortion):
    exact, blind = keyed(expected, x=np.zeros(3)), keyed(expected, x=np.zeros(3), absolute=np.inf)
    assert accepted_distortions(exact, distortion) == ()
    # No tolerance forgives a wrong shape or dtype, and a single number has nothing to transpose.
    strict = distortion.name in ("an axis too many", "one axis only", "another dtype")
    nothing = distortion.name == "transposed" and isinstance(expected, float)
    assert accepted_distortions(blind, distortion) == (() if strict or nothing else ("c",))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zeros", np.zeros(3)),
        ("negated", np.zeros(3)),
        ("rounded to float16", np.array([0.5, 0.25])),
        ("transposed", np.eye(2)),
        ("one axis only", np.ones(3)),
        ("another dtype", np.arange(3)),
        ("half", "text"),
        ("half", None),
        ("half", 3),
    ],
)
def test_an_answer_that_stays_the_same_proves_nothing(name, expected):
    (distortion,) = [d for d in DISTORTIONS if d.name == name]
    assert accepted_distortions(keyed(expected, absolute=1e9, x=np.zeros(3)), distortion) == ()


def test_one_sample_cannot_tell_a_mean_from_a_sum():
    (distortion,) = [d for d in DISTORTIONS if d.name == "mean for sum"]
    assert accepted_distortions(keyed(np.float64(2), x=np.zeros((1, 1)), absolute=1e9), distortion) == ()
    assert accepted_distortions(keyed(np.float64(2), x=np.zeros((1, 2)), absolute=1e9), distortion) == ("c",)


def test_float32_answers_are_compared_with_those_of_float64():
    near, far = np.float32([1, 2]), np.float32([1, np.inf])
    assert list(refused_float32(keyed(near, other=np.array([1.0, 2.00000001])))) == []
    assert list(refused_float32(keyed(far, other=np.array([1.0, 100.0])))) == [("c", "output")]
    # float64 answers are not asked to be as good as float32 ones.
    assert list(refused_float32(keyed(np.array([1.0]), other=np.float32([2])))) == []
