"""What a question forbids is found under every name it goes by, and nothing else is: through the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from autograder.course.load import load_assignment
from autograder.course.observe import Forbids
from autograder.course.probes import call
from autograder.errors import CourseError
from autograder.grading.examine import mark_one
from autograder.grading.grade import in_slots
from autograder.grading.key import make_key
from autograder.grading.notebook_file import code_cells
from autograder.grading.notebook_text import NotebookText
from autograder.grading.policy import refusal
from autograder.grading.submissions import Submission
from autograder.records.mark import CheckMark, Mark
from autograder.sandbox.host import Sandbox
from autograder.sandbox.limits import Limits

SETUP = "import numpy as np\nimport torch\nimport torch.nn.functional as F"
MASTER = f"""
# %%
{SETUP}

# %%
def by_hand(x):
    # BEGIN SOLUTION
    e = torch.exp(x - x.max(-1, keepdim=True).values)
    return e / e.sum(-1, keepdim=True)
    # END SOLUTION

# %%
def softmax(x):
    # BEGIN SOLUTION
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
    # END SOLUTION
"""
CHECKS = """
from autograder.course import Forbids, NUMPY_ONLY, call, call_twice, device, gradient, lines, ops, question, tensor

by_hand = question("by_hand", points=4, kind="torch", forbids=Forbids(("*softmax*", "*logsumexp*", "*attention*")))
by_hand.check("an example", public=True)(lambda rng: call(x=tensor(rng.normal(size=(2, 3)))))
by_hand.check("inputs stay")(lambda rng: call_twice(x=tensor(rng.normal(size=(2, 3)))))
by_hand.check("device", hint="Where?")(lambda rng: device(gradient(x=tensor(rng.normal(size=(2, 3))))))
by_hand.check("operators", hint="Write the formula.")(lambda rng: ops(gradient(x=tensor(rng.normal(size=(2, 3))))))

softmax = question("softmax", points=4, forbids=Forbids(imports=NUMPY_ONLY.imports, names=("lookup_table",)))
softmax.check("an example", public=True)(lambda rng: call(x=rng.normal(size=(2, 3))))
softmax.check("inputs stay")(lambda rng: call_twice(x=rng.normal(size=(2, 3))))
softmax.check("NumPy only", hint="Write the formula.")(lambda rng: ops(call(x=rng.normal(size=(2, 3)))))
softmax.check("no loop")(lambda rng: lines(*(call(x=rng.normal(size=(n, 3))) for n in (4, 40))))
"""


@dataclass(frozen=True)
class Ready:
    """A submission from cells, read already."""

    name: str
    sources: tuple[str, ...]

    def read(self) -> Submission:
        cells = (SETUP, *(dedent(source).strip("\n") for source in self.sources))
        return Submission(self.name, self.name, cells=tuple(enumerate(cells, start=1)))


#: Aliases of PyTorch's own softmax; each defines `by_hand` rightly.
ALIASES = {
    "C-01 getattr": "def by_hand(x): return getattr(torch, 'soft' + 'max')(x, -1)",
    "C-02 module dictionary": "def by_hand(x): return vars(F)['softmax'](x, -1)",
    "C-02 F.__dict__": "def by_hand(x): return F.__dict__['soft' 'max'](x, -1)",
    "C-03 torch.ops": "def by_hand(x): return torch.ops.aten._softmax(x, -1, False)",
    "C-03 torch.ops, composite": "def by_hand(x): return torch.ops.aten.softmax.int(x, -1)",
    "C-04 star import": "from torch.nn.functional import *\nmine = softmax\ndef by_hand(x): return mine(x, -1)",
    "C-05 tensor method": "def by_hand(x): return x.softmax(-1)",
    "C-06 unbound method": "def by_hand(x): return torch.Tensor.softmax(x, -1)",
    "C-07 C bindings": "def by_hand(x): return torch._C._VariableFunctions.softmax(x, -1)",
    "C-07 torch._C._nn": "def by_hand(x): return torch._C._special.special_softmax(x, -1)",
    "C-08 module class": "def by_hand(x): return torch.nn.Softmax(-1)(x)",
    "C-09 special": "def by_hand(x): return torch.special.softmax(x, -1)",
    "C-10 exp of log_softmax": "def by_hand(x): return torch.log_softmax(x, -1).exp()",
    "C-10 logsumexp": "def by_hand(x): return (x - torch.logsumexp(x, -1, keepdim=True)).exp()",
    "C-11 gradient of logsumexp": """
        def by_hand(x):
            t = x if x.requires_grad else x.clone().requires_grad_()
            return torch.autograd.grad(torch.logsumexp(t, -1).sum(), t, create_graph=True)[0]
        """,
    "C-12 nested import": "def by_hand(x):\n    from torch.nn.functional import softmin as s\n    return s(-x, -1)",
    "C-14 exec of encoded text": """
        import base64
        exec(base64.b64decode('ZGVmIGJ5X2hhbmQoeCk6IHJldHVybiB0b3JjaC5zb2Z0bWF4KHgsIC0xKQ=='))
        """,
    "C-15 eval": "by_hand = eval('lambda x: torch.softmax(x, -1)')",
    "C-15 compile": """
        exec(compile('def by_hand(x): return torch.softmax(x, -1)', 'own', 'exec'))
        """,
    "C-16 pickle": "import pickle\nact = pickle.loads(b'ctorch\\nsoftmax\\n.')\ndef by_hand(x): return act(x, -1)",
    "C-17 look-alike letter": "def by_hand(x): return torch.\u017foftmax(x, -1)",
    "C-18 importlib": """
        import importlib
        def by_hand(x): return importlib.import_module('torch.nn.' + 'functional').softmax(x, -1)
        """,
    "C-19 lambda default": "by_hand = lambda x, _f=torch.softmax: _f(x, -1)",
    "C-19 class attribute": "class Ops: act = staticmethod(torch.softmax)\ndef by_hand(x): return Ops.act(x, -1)",
    "C-19 partial": "from functools import partial\nby_hand = partial(torch.softmax, dim=-1)",
    "C-20 jit.script": "@torch.jit.script\ndef by_hand(x: torch.Tensor): return torch.softmax(x, -1)",
    "C-20 jit.trace": "by_hand = torch.jit.trace(lambda x: torch.softmax(x, -1), torch.ones(2, 3, dtype=torch.double))",
    "own autograd.Function": """
        class Own(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = torch.softmax(x, -1)
                ctx.save_for_backward(y)
                return y
            @staticmethod
            def backward(ctx, g):
                y, = ctx.saved_tensors
                return y * (g - (g * y).sum(-1, keepdim=True))
        def by_hand(x): return Own.apply(x)
        """,
    "only in backward": """
        class Own(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                e = torch.exp(x - x.max(-1, keepdim=True).values)
                return e / e.sum(-1, keepdim=True)
            @staticmethod
            def backward(ctx, g):
                y = torch.softmax(ctx.saved_tensors[0], -1)
                return y * (g - (g * y).sum(-1, keepdim=True))
        def by_hand(x): return Own.apply(x)
        """,
    "attention in disguise": """
        def by_hand(x):
            one = torch.ones(1, 1, dtype=x.dtype)
            eye = torch.eye(x.shape[-1], dtype=x.dtype)
            return torch.stack([F.scaled_dot_product_attention(one, r[:, None], eye, scale=1.0)[0] for r in x])
        """,
}

#: Ways around NumPy alone, each a right `softmax`, with what the message names.
LIBRARIES = {
    "scipy in the function": (
        "def softmax(x): import scipy.special as s; return s.softmax(x, -1)",
        "scipy (cell 2, line 1",
    ),
    "scipy above": ("import scipy.special as s\n\ndef softmax(x): return s.softmax(x, -1)", "scipy (cell 2, line 1"),
    "scipy through a helper": (
        "from scipy.special import softmax as s\ndef helper(x): return s(x, -1)\ndef softmax(x): return helper(x)",
        "scipy (cell 2, line 1",
    ),
    "scipy by importlib": (
        "import importlib as i\ndef softmax(x): return i.import_module('sci' + 'py.special').softmax(x, -1)",
        "code of scipy ran",
    ),
    "scipy by exec": (
        "d = {}\nexec('from sci' + 'py.special import softmax as s', d)\ndef softmax(x): return d['s'](x, -1)",
        "code of scipy ran",
    ),
    "torch": ("def softmax(x): return torch.softmax(torch.from_numpy(x), -1).numpy()", "torch (cell 1, line 2"),
    "under a magic": (
        "%%capture\nimport scipy.special as s\ndef softmax(x): return s.softmax(x, -1)",
        "scipy (cell 2, line 2",
    ),
    "a forbidden name": (
        "def lookup_table(x):\n    e = np.exp(x)\n    return e / e.sum(-1, keepdims=True)\n"
        "def softmax(x): return lookup_t\u00aable(x)",
        "lookup_table (cell 2, line 4",
    ),
}

#: Loops over samples in every dress.
LOOPS = {
    "for": """
        def softmax(x):
            out = np.empty_like(x)
            for i in range(len(x)):
                out[i] = np.exp(x[i]) / np.exp(x[i]).sum()
            return out
        """,
    "comprehension": "def softmax(x): return np.array([np.exp(r) / np.exp(r).sum() for r in x])",
    "map": "def softmax(x): return np.array(list(map(lambda r: np.exp(r) / np.exp(r).sum(), x)))",
    "generator": "def softmax(x): return np.stack(list(np.exp(r) / np.exp(r).sum() for r in x))",
    "vectorize": """
        def softmax(x):
            e = np.vectorize(lambda v: np.exp(v))(x)
            return e / e.sum(-1, keepdims=True)
        """,
    "apply_along_axis": "def softmax(x): return np.apply_along_axis(lambda r: np.exp(r) / np.exp(r).sum(), -1, x)",
    "while": """
        def softmax(x):
            i, out = 0, []
            while i < len(x): out.append(np.exp(x[i]) / np.exp(x[i]).sum()); i += 1
            return np.array(out)
        """,
    "recursion": """
        def softmax(x):
            if len(x) == 0: return x
            return np.concatenate([np.exp(x[:1]) / np.exp(x[:1]).sum(), softmax(x[1:])])
        """,
}

#: Right answers that must keep all points of both questions.
HONEST = {
    "as the solution": "pass",
    "libraries beside the answers": "import scipy.special as s\nx = torch.softmax(torch.ones(3), 0)\ns.softmax([1])",
    "a loop over classes": """
        def softmax(x):
            e = np.stack([np.exp(x[..., j]) for j in range(x.shape[-1])], -1)
            return e / e.sum(-1, keepdims=True)
        """,
    "much constant work": """
        def softmax(x):
            for _ in range(200):
                y = np.exp(x)
            return y / y.sum(-1, keepdims=True)
        """,
    "a branch for large inputs": """
        def softmax(x):
            if len(x) > 10:
                x = x - 1
                x = x + 1
                x = x * 1
            e = np.exp(x - x.max(-1, keepdims=True))
            return e / e.sum(-1, keepdims=True)
        """,
    "names of forbidden packages as local variables": """
        def softmax(x, scipy=None):
            torch = np.exp(x)
            return torch / torch.sum(-1, keepdims=True)
        """,
    "models in evaluation mode, compiled patterns": "import re\nre.compile('a')\ntorch.nn.Linear(1, 1).eval()",
}
#: Right on the CPU; what would happen on an accelerator.
AWAY = {
    "cpu tensor": (
        "def by_hand(x):\n    e = x.exp() * torch.ones(3, dtype=x.dtype)\n    return e / e.sum(-1, keepdim=True)",
        "fail",
        "mul would fail: it mixes a tensor on the CPU with tensors on the device. Create tensors with device=x.device. "
        "It is in cell 2, line 2: e = x.exp()",
    ),
    "numpy": (
        "def by_hand(x):\n    m = float(np.max(x.detach().numpy()))\n    e = (x - m).exp()\n"
        "    return e / e.sum(-1, keepdim=True)",
        "fail",
        "cannot become a NumPy array. Stay in torch. It is in cell 2, line 2: m = float(",
    ),
    "result": (
        "def by_hand(x):\n    e = x.exp()\n    return (e / e.sum(-1, keepdim=True)).cpu()",
        "fail",
        "the result would be a tensor on the CPU",
    ),
    "chooses its device": (
        "device = 'cuda' if torch.cuda.is_available() else 'cpu'\n"
        "def by_hand(x):\n    e = x.to(device).exp()\n    return e / e.sum(-1, keepdim=True)",
        "pass",
        "could not be told on this machine; it counts as right.",
    ),
    "own failure": (
        "def by_hand(x):\n    if x.is_cuda: 1 / 0\n    e = x.exp()\n    return e / e.sum(-1, keepdim=True)",
        "pass",
        "could not be told on this machine; it counts as right.",
    ),
}
RIGHT = MASTER.replace("    # BEGIN SOLUTION\n", "").replace("    # END SOLUTION\n", "").split("# %%\n")[2:]

FLAGGED = {
    "exec": "exec('a = 1')",
    "threading": "import threading",
    "subprocess": "def f():\n    from subprocess import run",
    "multiprocessing": "import multiprocessing.pool as p",
    "_disable_current_modes": "from torch.utils._python_dispatch import _disable_current_modes",
    "_DisableTorchDispatch": "guard = torch._C._DisableTorchDispatch",
    "_pop_mode": "import torch.utils._python_dispatch as d\npop = getattr(d, '_pop_mode')",
    "settrace": "import sys\nsys.settrace(None)",
    "eval": "%time eval('1')",
}


@pytest.fixture(scope="module")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mark]:
    """The marks of every row of the tables above, by name."""
    folder = tmp_path_factory.mktemp("course")
    home = folder / "solutions" / "hw"
    home.mkdir(parents=True)
    (home / "hw.py").write_text(MASTER, encoding="utf-8")
    (home / "checks.py").write_text(CHECKS, encoding="utf-8")
    by_hand, softmax = RIGHT
    rows = [Ready(name, (source, softmax)) for name, source in ALIASES.items()]
    rows += [Ready(f"away {name}", (source, softmax)) for name, (source, *_) in AWAY.items()]
    rows += [Ready(name, (source, by_hand)) for name, (source, _) in LIBRARIES.items()]
    rows += [Ready(name, (*RIGHT, source)) for name, source in {**LOOPS, **HONEST}.items()]
    rows += [Ready(f"flag {name}", (source, *RIGHT)) for name, source in FLAGGED.items()]
    assignment = load_assignment(folder, "hw")
    limits = Limits()
    with Sandbox(limits, secret=[folder]) as sandbox:
        with closing(sandbox.slot()) as slot:
            key = make_key(assignment, 0, slot, limits)
        marked = in_slots(rows, lambda row, slot: mark_one(row, key, slot, limits, "hint", {}), sandbox, workers=2)
    return {mark.student: mark for mark in marked}


def check(mark: Mark, question: str, title: str) -> CheckMark:
    return next(c for q in mark.questions if q.name == question for c in q.checks if c.title == title)


def others_pass(mark: Mark, question: str, title: str) -> bool:
    checks = [(q.name, c) for q in mark.questions for c in q.checks]
    return all(c.verdict == "pass" for name, c in checks if (name, c.title) != (question, title))


def test_there_are_enough_aliases():
    assert len(ALIASES) >= 19


@pytest.mark.parametrize("name", ALIASES)
def test_a_forbidden_operator_is_refused_under_any_alias(marks, name):
    found = check(marks[name], "by_hand", "operators")
    assert (found.verdict, found.hundredths) == ("refused", 0), (found, marks[name].cells)
    assert found.message.startswith("not allowed here: PyTorch's own ")
    assert found.hint == "Write the formula."
    assert any(flag.startswith("policy: by_hand: not allowed here: ") for flag in marks[name].flags)
    # Attention in disguise makes its tensors on the CPU.
    if name != "attention in disguise":
        assert others_pass(marks[name], "by_hand", "operators"), "it costs that check only"


@pytest.mark.parametrize("name", AWAY)
def test_code_that_would_fail_on_an_accelerator_fails_here(marks, name):
    _, verdict, told = AWAY[name]
    found = check(marks[f"away {name}"], "by_hand", "device")
    assert (found.verdict, found.hundredths) == (verdict, found.max_hundredths if verdict == "pass" else 0), found
    assert told in found.message
    assert others_pass(marks[f"away {name}"], "by_hand", "device")


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_forbidden_library_is_refused_with_the_line(marks, name):
    found = check(marks[name], "softmax", "NumPy only")
    assert found.verdict == "refused", (found, marks[name].cells)
    assert found.message.startswith("not allowed here: ")
    assert LIBRARIES[name][1] in found.message
    assert others_pass(marks[name], "softmax", "NumPy only")


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_over_samples_is_seen_without_a_clock(marks, name):
    found = check(marks[name], "softmax", "no loop")
    assert found.verdict == "fail"
    assert found.message == "More lines of Python run when there are more samples: there is a Python loop over samples."
    assert others_pass(marks[name], "softmax", "no loop")


@pytest.mark.parametrize("name", HONEST)
def test_honest_work_keeps_its_points_and_is_not_flagged(marks, name):
    assert marks[name].hundredths == marks[name].max_hundredths, marks[name].questions
    assert marks[name].flags == ()


@pytest.mark.parametrize("name", FLAGGED)
def test_what_can_evade_the_records_is_flagged_and_costs_nothing(marks, name):
    mark = marks[f"flag {name}"]
    assert mark.hundredths == mark.max_hundredths
    assert any(flag.startswith(f"policy: {name} ") and "(cell 2, line " in flag for flag in mark.flags), mark.flags


# Without a sandbox -------------------------------------------------------------------------------


def test_a_record_that_is_missing_or_malformed_earns_nothing():
    from autograder.course.observe import lines, ops

    assert refusal(ops(call(x=1.0)), None, Forbids())[0] == "fail"
    for forged in ([1, "2"], [3], "many", None, [True, 2]):
        assert refusal(lines(call(x=1.0), call(x=1.0)), {"lines": forged}, Forbids())[0] == "fail"


def test_words_of_the_job_are_not_repeated():
    from autograder.course.observe import ops

    verdict, message = refusal(ops(call()), {"operators": ["a::softmax_4711"]}, Forbids(("*softmax*",)))
    assert (verdict, message) == (
        "refused",
        "not allowed here: PyTorch's own softmax ran, under whatever name it was called",
    )


@pytest.mark.parametrize(
    "source",
    ["def f(:", "x = " + "(" * 500, "-" * 100_000 + "1", "\0", "x = '\ud800'", "%%bash\nls", "!ls\nf(", "a" * 300_000],
    ids=["syntax", "brackets", "depth", "null", "surrogate", "shell", "half", "long"],
)
def test_text_that_cannot_be_read_stops_nothing(source):
    text = NotebookText([(1, source), (2, "exec('')")])
    assert set(text.suspicious) == {"exec"}
    assert text.unread == ([1] if len(source) > 200_000 else [])


CHECK = "q.check('public', public=True)(lambda rng: call(x=1.0))\nq.check('hidden')(lambda rng: {})\n"


@pytest.mark.parametrize(
    ("arguments", "probe", "told"),
    [
        ("", "ops(call(x=1.0))", "belong together"),
        (", forbids=Forbids(imports=('scipy',))", "call(x=1.0)", "belong together"),
        (", forbids=Forbids(imports=('scipy',))", "ops(1)", "ops(...) watches call"),
        ("", "lines(call(x=1.0), 2)", "lines(...) watches call"),
    ],
)
def test_an_author_is_told_what_does_not_fit(tmp_path: Path, arguments, probe, told):
    home = tmp_path / "solutions" / "hw"
    home.mkdir(parents=True)
    (home / "hw.py").write_text(MASTER, encoding="utf-8")
    head = "from autograder.course import *\nq = question('softmax', points=2" + arguments + ")\n"
    (home / "checks.py").write_text(head + CHECK.format(probe), encoding="utf-8")
    with pytest.raises(CourseError, match=told.replace("(", r"\(").replace(")", r"\)").replace("...", r"\.\.\.")):
        load_assignment(tmp_path, "hw")


def test_an_observing_check_cannot_be_public(tmp_path: Path):
    home = tmp_path / "solutions" / "hw"
    home.mkdir(parents=True)
    (home / "hw.py").write_text(MASTER, encoding="utf-8")
    text = CHECKS.replace('softmax.check("no loop")', 'softmax.check("no loop", public=True)')
    (home / "checks.py").write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match="needs the grader's sandbox"):
        load_assignment(tmp_path, "hw")


def test_a_check_that_metadata_ask_for_is_no_way_around_the_rules():
    cell = {"cell_type": "code", "source": "def f(x):\n    return x", "metadata": {"otter": {"tests": ["f"]}}}
    cells = code_cells(json.dumps({"cells": [cell]}).encode())
    assert cells[0][1].endswith('().check("f")')
    assert NotebookText(cells).suspicious == {}
