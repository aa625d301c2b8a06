"""The words of reports: every language says everything, and a course may say it in its own way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import CourseError, messages
from autograder.grading.marking import _CHOSEN
from autograder.messages import Catalogue, languages, placeholders, shipped

PACKAGE = Path(messages.__file__).parents[1]
OTHERS = [language for language in languages() if language != "en"]


@pytest.fixture(autouse=True)
def _english_afterwards() -> Iterator[None]:
    yield
    messages.use(Catalogue())


def written(folder: Path, text: str) -> Path:
    (folder / "course.toml").write_text(text, encoding="utf-8")
    return folder


def test_german_and_polish_are_shipped():
    assert languages() == ("de", "en", "pl")


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_there_with_the_same_placeholders(language):
    source, other = shipped("en"), shipped(language)
    assert list(other) == list(source)
    assert {key: placeholders(text) for key, text in other.items()} == {
        key: placeholders(text) for key, text in source.items()
    }


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_is_no_copy(language):
    source, other = shipped("en"), shipped(language)
    sentences = [key for key, text in source.items() if text.count(" ") > 3]
    assert len(sentences) > 200
    assert [key for key in sentences if source[key] == other[key]] == []


@pytest.mark.parametrize("language", languages())
def test_what_a_job_can_choose_of_its_end_is_left_out_in_every_language(language):
    words = Catalogue(language)
    for key, values in (
        ("ended.crashed", {"signal": "11, SIGSEGV"}),
        ("ended.ended_process", {"code": 77}),
        ("ended.no_answer", {"error": "a header of 77 bytes"}),
    ):
        told = _CHOSEN.sub("", words.say(key, **values))
        assert "77" not in told
    assert "(exit code 0)" in _CHOSEN.sub("", words.say("ended.ended_process", code=0))


def test_every_key_that_the_code_names_exists():
    known = shipped("en")
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "say":
                found |= {
                    c.value for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant) and "." in str(c.value)
                }
    for path in PACKAGE.rglob("*.j2"):
        found |= set(re.findall(r'say\("([\w.]+)"', path.read_text(encoding="utf-8")))
    # A key that is put together begins with the name of its table.
    whole = {key for key in found if not key.endswith((".", "_"))}
    assert len(whole) > 100
    assert {key for key in whole if key not in known and not any(k.startswith(key) for k in known)} == set()


def test_what_a_language_lacks_is_told_in_english(monkeypatch):
    german = {key: text for key, text in shipped("de").items() if key != "report.hint"}
    monkeypatch.setattr(messages, "shipped", lambda language: german if language == "de" else shipped(language))
    words = Catalogue("de")
    assert words.say("report.hint", hint="x") == "Hint: x"
    assert words.say("verdict.pass") == "richtig"


def test_a_course_rewords_a_message_and_keeps_the_others(tmp_path):
    text = 'language = "pl"\n[messages.report]\nhint = "Psst: {hint}"\n[messages]\n"verdict.pass" = "{{super}}"\n'
    messages.use(messages.read_course(written(tmp_path, text)))
    assert messages.say("report.hint", hint="{x}") == "Psst: {x}"
    assert messages.say("verdict.fail") == "źle"
    assert messages.current().to_document() == {
        "language": "pl",
        "messages": {"report.hint": "Psst: {hint}", "verdict.pass": "{{super}}"},
    }


def test_a_course_without_the_file_speaks_english(tmp_path):
    assert messages.read_course(tmp_path).to_document() == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('language = "xx"', "language 'xx' is not one of de, en, pl"),
        ('[messages.report]\nhnit = "a"', "there is no message 'report.hnit'. Did you mean 'report.hint'?"),
        ('[messages.report]\nhint = "{hnit}"', "has no placeholder hnit; known: hint"),
        ('[messages.report]\nhint = "{hint"', "Write a brace of the text twice"),
        ("[messages.report]\nhint = 5", "report.hint must be a text"),
        ("messages = 5", "cannot be read"),
        ("language = ", "cannot be read"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file(tmp_path, text, said):
    with pytest.raises(CourseError) as caught:
        messages.read_course(written(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path / "course.toml"))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("key", "text"), [("ended.ended_process", "exited with {code}"), ("report.score", "{points:d} of {of}")]
)
def test_a_rewording_that_could_tell_too_much_or_fail_is_refused(key, text):
    with pytest.raises(CourseError, match=r"cannot be reworded|formats a placeholder"):
        Catalogue("en", {key: text})
