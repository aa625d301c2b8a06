"""Family C: the library call that a task could forbid, under every name it goes by.

A right answer that was got in a forbidden way loses the check that watches, and is flagged; see `grading/policy.py`.
"""

from __future__ import annotations

import sys

import pytest

from .attacks import answer, assert_harmless, assert_outcome, grade_table, letters

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hostile code runs in the sandbox of Linux only")


def torch_answer(source: str, before: str = "", verdicts: str = "PR"):
    """A row for the torch question; the check that watches is refused."""
    return answer(source, verdicts, question="torch_softmax", before=before)


#: The entries of ATTACKS.md, by their ids, with the verdicts that the values alone deserve.
TABLE = {
    "C-01": torch_answer("def torch_softmax(x): return getattr(torch, 'soft' + 'max')(x, -1)"),
    "C-02": torch_answer("def torch_softmax(x): return vars(F)['softmax'](x, -1)"),
    "C-04": torch_answer("from torch.nn.functional import *\nmine = softmax\ndef torch_softmax(x): return mine(x, -1)"),
    "C-05": torch_answer("def torch_softmax(x): return x.softmax(-1)"),
    "C-07": torch_answer("def torch_softmax(x): return torch._C._VariableFunctions.softmax(x, -1)"),
    "C-08": torch_answer("def torch_softmax(x): return torch.nn.Softmax(-1)(x)"),
    "C-10": torch_answer("def torch_softmax(x): return torch.log_softmax(x, -1).exp()"),
    "C-11": torch_answer(
        """
        def torch_softmax(x):
            t = x.clone().requires_grad_()
            return torch.autograd.grad(torch.logsumexp(t, -1).sum(), t)[0]
        """,
    ),
    "C-13": answer("def softmax(x): import scipy.special as s; return s.softmax(x, -1)", "PRP"),
    "C-14": torch_answer(
        """
        import base64
        exec(base64.b64decode('ZGVmIHRvcmNoX3NvZnRtYXgoeCk6IHJldHVybiB0b3JjaC5zb2Z0bWF4KHgsIC0xKQ=='))
        """
    ),
    "C-16": torch_answer(
        "import pickle\nact = pickle.loads(b'ctorch\\nsoftmax\\n.')\ndef torch_softmax(x): return act(x, -1)"
    ),
    "C-17": torch_answer("def torch_softmax(x): return torch.\u017foftmax(x, -1)"),
    "C-19": torch_answer(
        "class Ops: act = staticmethod(torch.softmax)\ndef torch_softmax(x, _f=Ops.act): return _f(x, -1)"
    ),
    "C-20": torch_answer("@torch.jit.script\ndef torch_softmax(x: torch.Tensor): return torch.softmax(x, -1)"),
    "C-22": answer(
        "def inverse(a): return np.linalg._linalg.inv(a)",
        "PR",
        question="inverse",
        before="def no(*a): raise RuntimeError('not allowed')\nnp.linalg.inv = no",
    ),
    "C-23": torch_answer(
        """
        from torch.utils._python_dispatch import _disable_current_modes
        def torch_softmax(x):
            with _disable_current_modes(): return torch.softmax(x, -1)
        """
    ),
    "C-25": answer(
        "def adam_step(p, g): o = torch.optim.Adam([p], lr=.1); p.grad = g; o.step(); return p",
        "..",  # it changes its input
        question="adam_step",
    ),
    "C-25 on a copy": answer(
        """
        def adam_step(p, g):
            p = p.clone()
            o = torch.optim.Adam([p], lr=.1)
            p.grad = g
            o.step()
            return p
        """,
        "PR",
        question="adam_step",
    ),
    "C-26": answer(
        """
        def relu_backward(g, x):
            t = torch.tensor(x, requires_grad=True)
            torch.relu(t).backward(torch.tensor(g))
            return t.grad.numpy()
        """,
        "PR",
        question="relu_backward",
    ),
    "C-28": torch_answer(
        "import inspect\nsrc = inspect.getsource(F.softmax)\nexec(src, vars(F))\n"
        "def torch_softmax(x): return F.softmax(x, -1)"
    ),
    # Our own.
    "attention in disguise": torch_answer(
        """
        def torch_softmax(x):
            n = x.shape[-1]
            one = torch.ones(1, 1, dtype=x.dtype)
            return torch.stack([
                F.scaled_dot_product_attention(one, row[:, None], torch.eye(n, dtype=x.dtype), scale=1.0)[0] for row in x
            ])
        """
    ),
    "in another thread": torch_answer(
        """
        import threading
        def torch_softmax(x):
            out = []
            thread = threading.Thread(target=lambda: out.append(torch.softmax(x, -1)))
            thread.start()
            thread.join()
            return out[0]
        """
    ),
    "in another process": torch_answer(
        """
        import subprocess, sys
        def torch_softmax(x):
            subprocess.run([sys.executable, '-c', 'import torch'], check=True)
        """,
        verdicts="..",
    ),
    "in the grader": torch_answer(
        "def torch_softmax(x):\n    from solutions.hostile.hostile import torch_softmax as f\n    return f(x)",
        verdicts="..",
    ),
}


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return grade_table(TABLE, tmp_path_factory.mktemp("c"))


@pytest.mark.parametrize("name", TABLE)
def test_a_forbidden_call_is_refused_and_flagged(batch, name):
    mark = batch.marks[name]
    assert_outcome(mark, TABLE[name])
    refused = any("R" in verdicts for verdicts in letters(mark).values())
    assert refused == any(": not allowed here: " in flag for flag in mark.flags)


def test_nobody_else_is_harmed(batch):
    assert_harmless(batch)
