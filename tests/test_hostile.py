"""The short form of `make test-hostile`: every listed entry has its rows, and one batch holds some of each family."""

from __future__ import annotations

import sys
from collections import defaultdict

import pytest

from .hostile import test_files, test_points_without_work, test_return_values, test_stealing, test_tampering
from .hostile.attacks import assert_harmless, assert_outcome, grade_table
from .hostile.entries import IDS, TABLES, id_of


def test_there_are_136_entries():
    assert len(IDS) == len(set(IDS)) == 136


@pytest.mark.parametrize("entry", IDS)
def test_every_entry_has_its_rows_in_one_table(entry):
    found = defaultdict(list)
    for table, rows in TABLES.items():
        for row in rows:
            if id_of(row) == entry:
                found[table].append(row)
    assert len(found) == 1, dict(found)


def test_every_row_with_an_id_belongs_to_an_entry():
    ids = {id_of(row) for rows in TABLES.values() for row in rows}
    assert ids - {None} == set(IDS)


def test_what_stands_in_archives_is_there():
    named = {name for names in test_files.IN_ARCHIVES.values() for name in names}
    assert named <= test_files.ARCHIVED.keys() | test_files.UNREADABLE.keys()


#: What no later change may break without being told at once; the whole tables take minutes.
SHORT = {
    name: table[name]
    for table, names in {
        test_return_values: ("A-02", "A-04", "A-17", "A-19", "A-22", "metaclass of a NumPy number"),
        test_stealing: ("B-01", "B-10", "B-20", "files of the machine"),
        test_tampering: ("D-01", "D-05", "D-10", "D-19", "D-25", "D-28", "D-29", "array as number", "answers replaced"),
        test_points_without_work: ("E-01", "E-05", "end on hidden inputs"),
    }.items()
    for table in [table.TABLE]
    for name in names
}


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return grade_table(SHORT, tmp_path_factory.mktemp("short"))


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="hostile code runs in the sandbox of Linux only")


@linux_only
@pytest.mark.parametrize("name", SHORT)
def test_an_attack_gets_what_is_due(batch, name):
    assert_outcome(batch.marks[name], SHORT[name])


@linux_only
def test_nobody_else_is_harmed_and_nothing_is_left(batch):
    assert_harmless(batch)
