"""The pages in a real browser: nothing of a student's runs, nothing leaves, and everybody can read them.

They are made from a graded run whose names and outputs try to get out, and from a made-up class of 1,000. Screenshots
lie in ``build/screenshots`` afterwards.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from autograder.reports.classroom import Classroom
from autograder.reports.folder import write_pages
from autograder.reports.pages import class_page

from .test_classroom import big_class, report_of

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: install the package chromium of the system")
#: Colour scheme and size of the window: a screen by day and by night, a phone.
VIEWS = {"light": ("light", 1280, 900), "dark": ("dark", 1280, 900), "phone": ("dark", 360, 740)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium of the system."""
    from playwright.sync_api import sync_playwright

    # As root in a container, Chromium cannot set up its own sandbox.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def screenshots(repo: Path) -> Path:
    folder = repo / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Watched:
    """A page of the browser, and what went wrong or out while it was open."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.troubles: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.troubles.append(message.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("dialog", lambda dialog: self.troubles.append(dialog.message))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: Path) -> Any:
        self.page.goto(path.as_uri())
        return self.page

    def left(self) -> list[str]:
        """Requests for anything but files of the report and pictures that a page holds."""
        return [url for url in self.requests if not url.startswith(("file:///", "data:"))]


@pytest.fixture(params=VIEWS)
def view(request: pytest.FixtureRequest, browser: Any) -> Iterator[tuple[str, Watched]]:
    """One watched page for each view."""
    scheme, width, height = VIEWS[request.param]
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
    yield request.param, Watched(context.new_page())
    context.close()


@pytest.fixture
def watched(browser: Any) -> Iterator[Watched]:
    """One watched page on a screen."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Watched(context.new_page())
    context.close()


@pytest.fixture(scope="module")
def html(run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the class that tries to get out."""
    folder = tmp_path_factory.mktemp("html")
    write_pages(folder, Classroom(run.assignment, started="2026-01-31T12:00:00Z"), run.marks)
    return folder


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a class of 1,000."""
    path = tmp_path_factory.mktemp("big") / "index.html"
    path.write_text(class_page(report_of(big_class(1000))), encoding="utf-8")
    return path


def pages(html: Path) -> list[Path]:
    return [html / "index.html", *sorted((html / "students").iterdir())]


def names(page: Any) -> list[str]:
    """The students that the table shows, from top to bottom."""
    return [text.strip() for text in page.locator("#table tbody tr:not([hidden]) th").all_inner_texts()]


def test_no_text_of_a_student_does_anything(html, view, screenshots):
    name, watched = view
    for path in pages(html):
        page = watched.open(path)
        assert "owned" not in page.title() or "img src" in page.title()
        assert page.evaluate("document.title") != "owned"
        assert page.locator("script").count() == (path.name == "index.html")
        assert page.locator("img").count() == page.locator("picture img").count()
        page.screenshot(path=screenshots / f"{name}-{path.stem}.png", full_page=True)
    assert watched.troubles == []
    assert watched.left() == []


def test_everybody_can_read_the_pages(html, view):
    from axe_playwright_python.sync_playwright import Axe

    _, watched = view
    axe = Axe()
    for path in (html / "index.html", *(html / "students" / f"{name}.html" for name in ("ann", "bela", "broken"))):
        page = watched.open(path)
        found = axe.run(page).response["violations"]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == [], path.name
    page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    assert [v["id"] for v in axe.run(page).response["violations"]] == ["image-alt"]  # it does look


def test_nothing_is_cut_off_on_a_phone(html, browser):
    context = browser.new_context(viewport={"width": 360, "height": 740})
    watched = Watched(context.new_page())
    for path in pages(html):
        page = watched.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path.name
    context.close()


def test_a_picture_is_drawn_by_day_and_by_night(html, view):
    name, watched = view
    page = watched.open(html / "index.html")
    picture = page.locator("picture img")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    light = picture.get_attribute("src")
    assert (picture.evaluate("image => image.currentSrc") == light) == (VIEWS[name][0] == "light")


def test_sorting_by_points_and_back(html, watched):
    page = watched.open(html / "index.html")
    heading = page.locator("#table thead th", has_text="points")
    by_name = names(page)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    points = [float(text.replace("-", "-1")) for text in page.locator("#table tbody td:nth-child(3)").all_inner_texts()]
    assert points == sorted(points)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    points = [float(text.replace("-", "-1")) for text in page.locator("#table tbody td:nth-child(3)").all_inner_texts()]
    assert points == sorted(points, reverse=True)
    page.locator("#table thead th", has_text="student").get_by_role("button").click()
    assert sorted(names(page)) == sorted(by_name)
    assert page.locator("[aria-sort]").count() == 1
    assert watched.troubles == []


def test_filtering_by_text_and_by_status(html, watched):
    page = watched.open(html / "index.html")
    everybody = names(page)
    page.get_by_label("Filter by student").fill("BEL")
    assert names(page) == ["bela"]
    assert page.locator("#shown").inner_text() == f"1 of {len(everybody)} shown"
    page.get_by_label("Filter by student").fill("")
    page.get_by_label("Show", exact=True).select_option("rejected")
    assert names(page) == ["broken"]
    page.get_by_label("Show", exact=True).select_option("flagged")
    assert names(page) == ["<img src=x onerror=document.title='owned'>", "broken"]
    page.get_by_label("Show", exact=True).select_option("")
    assert names(page) == everybody


def test_the_keyboard_gets_everywhere_in_reading_order(html, watched):
    page = watched.open(html / "index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    tops, seen = [], 0
    while page.evaluate("document.activeElement !== document.body") and seen < 200:
        tops.append(page.evaluate("document.activeElement.getBoundingClientRect().top + window.scrollY"))
        seen += 1
        page.keyboard.press("Tab")
    focusable = page.locator("a, button, input, select, [tabindex='0']").count()
    assert seen == focusable
    # Of cells of one row, the first may be the taller one.
    assert all(later >= earlier - 60 for earlier, later in pairwise(tops))


def test_the_keyboard_sorts_and_follows_a_link(html, watched):
    page = watched.open(html / "index.html")
    button = page.locator("#table thead button").first
    button.focus()
    page.keyboard.press("Enter")
    assert page.locator("#table thead th").first.get_attribute("aria-sort") == "ascending"
    page.get_by_role("link", name="bela").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/students/bela.html")
    assert page.get_by_role("heading", level=1).inner_text() == "bela squares"
    page.get_by_role("link", name="All students").click()
    page.wait_for_url("**/index.html")


def test_on_paper_the_table_is_there_and_the_tools_are_not(html, watched, screenshots):
    page = watched.open(html / "index.html")
    page.emulate_media(media="print")
    assert not page.locator(".tools").is_visible()
    assert page.locator("#table").is_visible()
    page.pdf(path=screenshots / "class.pdf")
    assert (screenshots / "class.pdf").stat().st_size > 10_000


@pytest.mark.skipif(sys.gettrace() is not None, reason="a debugger or a measurement of coverage slows the clock")
def test_a_class_of_a_thousand_opens_in_two_seconds(big, watched, screenshots):
    times_s = []
    for _ in range(3):  # the best of three: other tests may keep the processors
        started = time.monotonic()
        page = watched.open(big)
        page.locator("#shown", has_text="1000 of 1000 shown").wait_for()
        times_s.append(time.monotonic() - started)
    page.get_by_label("Filter by student").fill("0007")
    assert len(names(page)) == 1
    page.screenshot(path=screenshots / "thousand.png")
    assert watched.troubles == []
    assert min(times_s) < 2
