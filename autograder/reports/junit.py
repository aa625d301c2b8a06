"""Findings of `validate` as JUnit XML, which services that run a course's CI know how to show."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from autograder.grading.validate import Finding, Validation
from autograder.text import visible


def junit_xml(validations: Sequence[Validation]) -> str:
    """One suite per assignment and one case per finding; a breach is a failure.

    A single mutant is no case: they count together, and the survivors stand in the suite's output.
    """
    root = ET.Element("testsuites", name="autograder validate")
    for validation in validations:
        cases = [finding for finding in validation.findings if finding.kind != "mutant" or finding.breach]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=validation.assignment,
            tests=str(len(cases)),
            failures=str(len(validation.breaches)),
            errors="0",
            skipped="0",
        )
        for finding in cases:
            _case(suite, validation.assignment, finding)
        survivors = [f"{f.question}: {f.name}\n{f.detail}" for f in validation.survivors]
        if survivors:
            told = "\n\n".join(["Mutants that no hidden check rejects:", *survivors])
            ET.SubElement(suite, "system-out").text = visible(told, 200_000, keep_newlines=True)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, assignment: str, finding: Finding) -> None:
    place = f"{assignment}.{finding.question}" if finding.question else assignment
    name = visible(f"{finding.kind}: {finding.name}", 300)
    case = ET.SubElement(suite, "testcase", classname=place, name=name)
    if finding.breach:
        text = visible(finding.breach, 4_000, keep_newlines=True)
        ET.SubElement(case, "failure", message=text.splitlines()[0]).text = text
