"""Which walls stand between a submission and the machine, whether they hold on this host, and whether they suffice.

`LAYERS` lists them in the order in which they are applied, `probe_layers` tries each one here,
`decide` is the policy. All three are data as far as possible: what a missing wall means can be read
off the tables below.
"""

# Imported before every run, pathlib is not needed otherwise.
# ruff: noqa: PTH100, PTH120

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from autograder.errors import GraderError

# A probe takes well under a second; a host that hangs must not hang the grader.
_PROBE_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Layer:
    """One wall.

    Attributes:
        name: the word for it in code, reports and provenance.
        stops: what it stops.
        lost: one sentence, what is lost without it.
        covered_by: layers which, all active, carry its load; its absence is then a note and no
            warning.
        needs: layers it cannot work without.
    """

    name: str
    stops: str
    lost: str
    covered_by: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


LAYERS: tuple[Layer, ...] = (
    Layer(
        "user-namespace",
        "gives an ordinary user the rights that the other namespaces ask for",
        "An ordinary user cannot make the other namespaces without it.",
        covered_by=("separate-uid",),
    ),
    Layer(
        "pid-namespace",
        "seeing or signalling any other process; outliving the job",
        "Processes that a job leaves behind are not killed with it.",
        covered_by=("seccomp",),
    ),
    Layer(
        "network-namespace",
        "reaching any network, the local one included",
        "Only the system call filter can keep a job off the network.",
        covered_by=("seccomp",),
    ),
    Layer(
        "ipc-namespace",
        "shared memory and queues of other processes",
        "Only the system call filter can close the shared memory of other processes.",
        covered_by=("seccomp",),
    ),
    Layer(
        "uts-namespace",
        "reading or changing the host name",
        "A job can read the name of the host.",
    ),
    Layer(
        "read-only-root",
        "reading, or asking for, any file that the job does not need; writing anywhere",
        "A job can find out whether a file exists and how large it is.",
    ),
    Layer(
        "undumpable",
        "reading the memory of the zygote by other processes of the same user",
        "Other processes of the same user can read the memory of the zygote.",
        covered_by=("seccomp",),
    ),
    Layer(
        "session",
        "typing into the operator's terminal, and being hit by its Ctrl-C",
        "A job shares the terminal of the operator.",
    ),
    Layer(
        "close-descriptors",
        "using a file or channel that the zygote had open",
        "A job inherits the open files of the zygote, its control channel among them.",
    ),
    Layer(
        "scratch-quota",
        "filling the disk",
        "The files of a job are limited each, but not in all.",
    ),
    Layer(
        "rlimits",
        "using up processor time, memory, descriptors, threads",
        "A job can use up the memory and processor time of the host.",
    ),
    Layer(
        "separate-uid",
        "touching files and processes of the user who runs the grader",
        "Jobs run as the user who runs the grader.",
        covered_by=("user-namespace",),
    ),
    Layer(
        "parent-death-signal",
        "running on when the grader or the zygote has died",
        "A job can outlive a grader that was killed, up to its processor time.",
    ),
    Layer(
        "no-new-privs",
        "gaining rights from a set-uid program",
        "Landlock and the system call filter cannot be used.",
    ),
    Layer(
        "capabilities",
        "using what is left of the rights of root",
        "A job started by root keeps rights of root.",
    ),
    Layer(
        "landlock",
        "opening files, executing programs (second wall)",
        "Only the read-only root, if there is one, keeps a job from files and programs.",
        covered_by=("read-only-root",),
        needs=("no-new-privs",),
    ),
    Layer(
        "landlock-network",
        "TCP (third wall; Landlock ABI 4)",
        "The third wall around the network is missing.",
        covered_by=("seccomp",),
        needs=("landlock",),
    ),
    Layer(
        "landlock-scope",
        "signals and abstract sockets to other processes (third wall; Landlock ABI 6)",
        "The third wall around other processes is missing.",
        covered_by=("seccomp",),
        needs=("landlock",),
    ),
    Layer(
        "seccomp",
        "every system call that a notebook does not need: processes, sockets, most of the kernel",
        "Memory files, shared memory and the whole kernel are open to a job, and only a count limits its processes.",
        needs=("no-new-privs",),
    ),
    Layer(
        "cgroup",
        "memory beyond the limit, counted by the kernel over all processes of a job",
        "Memory is limited per process; the sum over several processes is not.",
        covered_by=("rlimits", "seccomp"),
    ),
    Layer(
        "pidfd",
        "killing a stranger that got the pid of a finished job",
        "Between the end of a job and a kill there is a small race.",
        covered_by=("pid-namespace",),
    ),
)

NAMES = frozenset(layer.name for layer in LAYERS)


@dataclass(frozen=True)
class LayerStatus:
    """What the probe found: does the layer bite here; if not, why not; if so, details such as the ABI."""

    name: str
    active: bool
    detail: str


def check_names(names: Iterable[str]) -> None:
    """Raise GraderError if one of `names` is no layer: a misspelt wall would silently not be built."""
    unknown = sorted(set(names) - NAMES)
    if unknown:
        raise GraderError(f"unknown sandbox layers {unknown}; there are {sorted(NAMES)}.")


_ahead: list[Future[dict[str, LayerStatus]]] = []


def probe_ahead() -> None:
    """Begin to try every layer now: the next `probe_layers` that leaves out none takes what was found."""
    if not _ahead:
        _ahead.append(ThreadPoolExecutor(1, thread_name_prefix="probe").submit(_probe_layers, frozenset()))


def probe_layers(without: Set[str] = frozenset()) -> dict[str, LayerStatus]:
    """Try every layer on this host and check that it bites: that what it stops is indeed refused.

    Runs in throw-away children of a fresh interpreter, so it may be called from a process with
    threads, and nothing of it stays.

    Args:
        without: names of layers to be treated as missing. For tests of what happens on lesser
            hosts.

    Returns the status of each layer of `LAYERS`, in that order.

    Raises:
        GraderError: the probe itself broke.
    """
    check_names(without)
    return _ahead.pop().result() if _ahead and not without else _probe_layers(without)


def _probe_layers(without: Set[str]) -> dict[str, LayerStatus]:
    if sys.platform != "linux":
        return {name: LayerStatus(name, False, "needs Linux") for name in _names_in_order()}
    # Isolated: neither the environment nor the working directory can change what is probed.
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = "import sys; sys.path.append(sys.argv.pop(1)); from autograder.sandbox.probe import main; main()"
    try:
        child = subprocess.run(
            [sys.executable, "-I", "-c", code, root, *sorted(without)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
        found = json.loads(child.stdout)
        return {
            name: LayerStatus(name, bool(found[name]["active"]), str(found[name]["detail"]))
            for name in _names_in_order()
        }
    except subprocess.TimeoutExpired as error:
        raise GraderError(f"the probe of the sandbox layers took more than {_PROBE_TIMEOUT_S:g} s.") from error
    except (ValueError, KeyError, TypeError) as error:
        reason = child.stderr.decode(errors="replace").strip()[-500:]
        raise GraderError(f"the probe of the sandbox layers ended with status {child.returncode}: {reason}") from error


def active_layers(statuses: Mapping[str, LayerStatus]) -> frozenset[str]:
    """The names of the layers that bite: the argument `active` of `jail`."""
    return frozenset(name for name, status in statuses.items() if status.active)


def _names_in_order() -> list[str]:
    return [layer.name for layer in LAYERS]


# --- The policy -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decision:
    """Whether a run may start: `refusals` explain a no, `warnings` go into each report, `notes` are spare walls."""

    acceptable: bool
    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """Holds if all of `missing` are missing, unless all of `unless` are active; then refuse or warn with `sentence`."""

    missing: tuple[str, ...]
    refuse: bool
    sentence: str
    unless: tuple[str, ...] = ()

    def holds(self, active: Set[str]) -> bool:
        """Whether this rule speaks about a host with these layers."""
        spared = bool(self.unless) and active >= set(self.unless)
        return not spared and active.isdisjoint(self.missing)


RULES: tuple[Rule, ...] = (
    Rule(
        ("read-only-root", "landlock", "separate-uid"),
        True,
        "A submission could read every file of the user who runs the grader, hidden tests "
        "included: this host offers neither namespaces nor Landlock.",
    ),
    Rule(
        ("read-only-root", "landlock"),
        False,
        "A submission can read every file that is readable for all users: take that right from the course folder.",
    ),
    Rule(
        ("seccomp",),
        True,
        "Without the system call filter (seccomp) a submission may only be run behind all of "
        "pid-namespace, network-namespace, read-only-root and landlock.",
        unless=("pid-namespace", "network-namespace", "read-only-root", "landlock"),
    ),
    Rule(("rlimits",), True, "A submission could use up the memory and processor time of this host."),
    Rule(("close-descriptors",), True, "A submission could use the control channel of the grader."),
    Rule(
        ("capabilities", "user-namespace", "separate-uid"),
        True,
        "A submission could run with the rights of root.",
    ),
)


def decide(statuses: Mapping[str, LayerStatus], trust: bool = False) -> Decision:
    """Whether notebooks of strangers may be run behind these layers.

    Args:
        statuses: what `probe_layers` returned.
        trust: the operator's word that the notebooks are not hostile; turns refusals into warnings.
    """
    active = active_layers(statuses)
    broken = [rule for rule in RULES if rule.holds(active)]
    refusals = tuple(rule.sentence for rule in broken if rule.refuse)
    warnings = [rule.sentence for rule in broken if not rule.refuse]
    notes: list[str] = []
    for layer in LAYERS:
        if layer.name not in active:
            covered = bool(layer.covered_by) and active.issuperset(layer.covered_by)
            (notes if covered else warnings).append(f"{layer.name}: {layer.lost}")
    if trust:
        return Decision(True, (), (*refusals, *warnings), tuple(notes))
    return Decision(not refusals, refusals, tuple(warnings), tuple(notes))
