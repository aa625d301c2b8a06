"""The commands for authors: generate files, prove checks, look at this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autograder.console import (
    CourseOption,
    DeviceOption,
    Format,
    FormatOption,
    SeedOption,
    TrustOption,
    WorkersOption,
    err,
    load,
    out,
    progress,
    reported_errors,
    write,
)
from autograder.text import json_text

if TYPE_CHECKING:
    from autograder.grading.validate import Validation


def build(
    assignments: Annotated[list[str] | None, typer.Argument(help="Names; all when none is given.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; end with 1 when a file is stale.")] = False,
    trust_submissions: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Make the student notebooks and public tests from the masters; without names also the page of all questions."""
    with reported_errors():
        from autograder.grading.build import build as build_assignments
        from autograder.grading.build import build_page
        from autograder.reports.terminal import build_report

        loaded = load(course, assignments or [])
        results = build_assignments(loaded, check=check, trust=trust_submissions)
        if not assignments:  # the page is about the whole course
            results.append(build_page(loaded, check=check))
        for built in results:
            out.print(build_report(built, check=check), soft_wrap=True)  # a path is one word, however long
        if check and not all(built.fresh for built in results):
            err.print("Run `autograder build` and commit what it writes.")
            raise typer.Exit(1)


def validate(
    assignments: Annotated[list[str] | None, typer.Argument(help="Names; all when none is given.")] = None,
    workers: WorkersOption = None,
    seed: SeedOption = 0,
    format: FormatOption = Format.text,
    junit: Annotated[Path | None, typer.Option(help="Also write the findings to this file, as JUnit XML.")] = None,
    mutants: Annotated[bool, typer.Option(help="Also change the reference, one slip at a time.")] = True,
    cache: Annotated[bool, typer.Option(help="Reuse a sound result while nothing it depends on has changed.")] = True,
    device: DeviceOption = "cpu",
    trust_submissions: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Prove the checks: the solution earns everything, the stub nothing, every mistake fails."""
    with reported_errors():
        from autograder.grading.examine import cores, parts_of
        from autograder.grading.proofs import Proofs
        from autograder.reports.junit import junit_xml
        from autograder.reports.terminal import validation_report
        from autograder.sandbox.devices import chosen

        results = []
        loaded, on = load(course, assignments or []), chosen(device)
        parts = [(assignment, name) for assignment in loaded for name, _ in parts_of(assignment, on) if name in on]
        for assignment in loaded:
            if all(part is not assignment for part, _ in parts):
                err.print(f"note: {assignment.name} has no question of torch: nothing is asked on {', '.join(on)}.")
        for assignment, name in parts:
            with progress() as advance:
                proofs = Proofs(assignment.folder if cache else None)
                results.append(
                    proofs.validate(
                        assignment,
                        workers=workers or cores(),
                        seed=seed,
                        trust=trust_submissions,
                        mutants=mutants,
                        device=name,
                        on_mark=advance,
                    )
                )
            if format is Format.text:
                out.print(validation_report(results[-1]))
        if junit is not None:
            write(junit, junit_xml(results))
        if format is Format.json:
            typer.echo(json_text([_validation_document(v) for v in results]), nl=False)
        if any(validation.breaches for validation in results):
            raise typer.Exit(1)


def doctor(format: FormatOption = Format.text) -> None:
    """Show what this machine can do, and what each missing layer of the sandbox costs."""
    with reported_errors():
        from autograder.doctor import doctor as examine
        from autograder.reports.terminal import layers_table
        from autograder.sandbox.layers import LAYERS

        found = examine()
        if format is Format.json:
            layers = {s.name: {"active": s.active, "detail": s.detail} for s in found.layers.values()}
            document = {
                "engine": found.engine,
                "python": found.python,
                "platform": found.platform,
                "libraries": found.libraries,
                "devices": found.devices,
                "layers": layers,
                "acceptable": found.decision.acceptable,
                "refusals": list(found.decision.refusals),
                "warnings": list(found.decision.warnings),
            }
            typer.echo(json_text(document), nl=False)
        else:
            libraries = ", ".join(f"{name} {version}" for name, version in found.libraries.items())
            out.print(f"autograder {found.engine}, Python {found.python} on {found.platform}")
            out.print(f"libraries: {libraries}\ndevices: {found.devices}\n")
            out.print(layers_table(found.layers.values(), {layer.name: layer.lost for layer in LAYERS}))
            for line in (*found.decision.refusals, *found.decision.warnings):
                out.print(f"\n{line}", style="yellow")
            verdict = "can" if found.decision.acceptable else "cannot"
            out.print(f"\nThis machine {verdict} grade submissions that nobody trusts.", style="bold")
        if not found.decision.acceptable:
            raise typer.Exit(1)


def _validation_document(validation: Validation) -> dict[str, Any]:
    document = validation.to_document()
    return {
        "assignment": document["assignment"],
        "breaches": len(validation.breaches),
        "findings": document["findings"],
        "idle_checks": [{"question": question, "title": title} for question, title in validation.idle],
    }
