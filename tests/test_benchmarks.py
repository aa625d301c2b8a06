"""The benchmarks measure every way and figure. What they measure is no matter of tests: machines differ."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox, and what the benchmark reads of it, need Linux"),
]


def quick_run(script: str, *arguments: str, file: Path, timeout: float = 240) -> Any:
    """The JSON document of a quick run, which also writes its Markdown into the file."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    done = subprocess.run(
        [*command, "--quick", "--format", "json", "--markdown", str(file)],
        capture_output=True,
        text=True,
        timeout=timeout,  # reached only by a hang
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The JSON document and the Markdown of one quick run."""
    file = tmp_path_factory.mktemp("benchmark") / "table.md"
    return quick_run("execution.py", file=file), file.read_text(encoding="utf-8")


def test_every_way_is_measured_in_every_size(smoke):
    found = {(row["way"], row["size"]) for row in smoke[0]["samples"]}
    sizes = ("W", "W + 1000 steps", "W + 5000 steps")
    fast = {(way, size) for way in ("floor", "sandbox", "fork, no layer") for size in sizes}
    assert found == fast | {("fresh interpreter", "W"), ("nbclient", "W")}
    for row in smoke[0]["samples"]:
        assert min(row["wall_s"]) > 0
        assert len(row["wall_s"]) == len(row["cpu_s"]) > 0


def test_throughput_has_one_and_two_workers_of_every_way(smoke):
    rows = {row["way"]: (row["one"], row["two"]) for row in smoke[0]["throughput"]}
    assert set(rows) == {"floor", "sandbox", "fork, no layer", "fresh interpreter", "nbclient"}
    for one, two in rows.values():
        assert len(one) == len(two) > 0
        assert min(*one, *two) > 0


def test_every_active_layer_of_a_job_has_a_time(smoke):
    rows = smoke[0]["layer_times"]
    assert all(us > 0 for row in rows for us in row["us"])
    # A kind of handle, and parts of Landlock that are set up with it.
    without_time = {"pidfd", "landlock-network", "landlock-scope"}
    timed = {row["layer"] for row in rows}
    assert set(smoke[0]["layers"]) - without_time <= timed
    assert {"all of a job", "fork", "end"} <= timed


def test_every_figure_is_there_and_positive(smoke):
    figures = smoke[0]["figures"]
    assert [f["figure"] for f in figures if f["figure"] != "memory per live job, private dirty"] == [
        "W: sandbox - floor, where the floor takes 10.2 ms",
        "W: sandbox / floor",
        "W + 1000 steps: sandbox / floor",
        "W + 5000 steps: sandbox / floor",
        "W: all layers / no layer",
        "W: fresh interpreter / sandbox",
        "W: nbclient / sandbox",
        "two workers / one worker",
        "memory per live job, MemAvailable",
        "size of the zygote",
    ]
    # What is free on the machine also depends on its other processes.
    assert all(f["measured"] > 0 for f in figures if f["figure"] != "memory per live job, MemAvailable")


def test_markdown_shows_every_figure(smoke):
    document, table = smoke
    for row in document["figures"]:
        assert f"| {row['figure']} |" in table
    for row in document["samples"]:
        assert f"| {row['size']} | {row['way']} |" in table


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """The JSON document and the Markdown of a quick run of the benchmark of the exercise bank, on one assignment."""
    file = tmp_path_factory.mktemp("bank") / "README.md"
    file.write_text("before\n<!-- bank -->\nold\n<!-- end of bank -->\nafter\n", encoding="utf-8")
    return quick_run("bank.py", "softmax", file=file), file.read_text(encoding="utf-8")


def test_the_bank_is_measured_on_both_sides_in_every_round(bank, softmax_assignment):
    (row,) = bank[0]["rows"]
    assert row["assignment"] == "softmax"
    assert row["calls"] >= sum(len(question.checks) for question in softmax_assignment.questions)
    assert len(row["grading"]) == len(row["floor"]) > 0
    assert all(sample["wall_s"] > 0 and sample["cpu_s"] >= 0 for side in ("grading", "floor") for sample in row[side])


def test_the_batch_is_measured_in_every_figure(tmp_path):
    file = tmp_path / "README.md"
    file.write_text("before\n<!-- batch -->\n<!-- end of batch -->\nafter\n", encoding="utf-8")
    data = quick_run("batch.py", file=file)
    assert len(data["memory"]["mib"]) == 2
    assert len(data["memory"]["per_s"]) >= 2
    assert min(*data["memory"]["mib"], *data["memory"]["per_s"]) > 0
    assert set(data["gain"]) == {"softmax", "small"}
    assert all(row["1"] > 0 and row["2"] > 0 for rows in data["gain"].values() for row in rows)
    assert 0 < data["share"]["ms"] < data["share"]["all_ms"]
    assert 0 < data["share"]["cpu_ms"] < data["share"]["all_cpu_ms"]
    text = file.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- batch -->\nMeasured on ")
    assert text.endswith("<!-- end of batch -->\nafter\n")
    assert text.count("| gradebook, ms of ") == 3


def may_count_cpu_time() -> bool:
    """Whether this user may make a control group, as the benchmark of peers does."""
    from autograder.sandbox.cgroups import own_directories

    groups = own_directories("cpuacct") or own_directories("")
    return bool(groups) and os.access(groups[0], os.W_OK)


@pytest.mark.skipif(not may_count_cpu_time(), reason="CPU time of peers is counted by a control group: that needs root")
def test_peers_give_the_same_points_and_every_one_is_measured(tmp_path):
    pytest.importorskip("otter", reason="otter-grader is an extra", exc_type=ImportError)
    file = tmp_path / "README.md"
    file.write_text("before\n<!-- peers -->\n<!-- end of peers -->\nafter\n", encoding="utf-8")
    # In the environment of the tests there is no nbgrader: `--nbgrader PYTHON` names one that has it.
    data = quick_run("peers.py", file=file, timeout=600)
    found = {row["way"]: row for row in data["rows"]}
    assert {"`otter run`", "nbclient alone, warm", "`autograder grade`, one", "one more in a batch of ours"} <= set(
        found
    )
    assert ("nbgrader" in data["machine"]["versions"]) == ("`nbgrader autograde`, all at once" in found)
    for row in found.values():
        assert row["count"] > 0
        assert min(*row["wall_s"], *row["cpu_s"]) > 0
    assert found["one more in a batch of ours"]["peak_mib"] is not None
    text = file.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- peers -->\nMeasured on ")
    assert text.endswith("<!-- end of peers -->\nafter\n")
    for figure in data["figures"]:
        assert f"| {figure['assignment']} | {figure['figure']} |" in text


def test_the_table_of_the_bank_keeps_the_text_around_it(bank):
    document, text = bank
    assert text.startswith("before\n<!-- bank -->\nMeasured on ")
    assert text.endswith("<!-- end of bank -->\nafter\n")
    assert f"| softmax | {document['rows'][0]['calls']} |" in text
    assert "old" not in text
