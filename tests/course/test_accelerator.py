"""The simulated accelerator: good functions pass, bad ones are named. The labels follow CUDA's documented rules."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from autograder.course.accelerator import device
from autograder.course.observe import OBSERVED
from autograder.course.probes import Parts, gradient
from autograder.course.values import tensor
from autograder.sandbox.live import Converter

#: Run unchanged on an accelerator; `x` is (3, 4).
GOOD = {
    "softmax by hand": "e = torch.exp(x - x.max(-1, keepdim=True).values); return e / e.sum(-1, keepdim=True)",
    "zeros like the input": "return x + torch.zeros_like(x)",
    "new tensor of the input": "return x * x.new_ones(4)",
    "factory with the input's device": "return x + torch.arange(4, device=x.device)",
    "factory with device and dtype": "return x @ torch.eye(4, dtype=x.dtype, device=x.device)",
    "CPU index tensor": "return x[torch.tensor([0, 2])]",
    "CPU boolean mask": "return x[torch.tensor([True, False, True])]",
    "CPU scalar tensor": "return x * torch.tensor(2.0)",
    "item in arithmetic": "return x / x.detach().abs().max().item()",
    "branch on the data": "return x * 2 if (x > 0).any() else x",
    "boolean mask of the input": "return x[x > 0]",
    "unique": "return x.sum() * torch.unique(x > 0).numel()",
    "where with numbers": "return torch.where(x > 0, x, 0.1 * x)",
    "moved to the input's device": "return x + torch.ones(4).to(x.device)",
    "moved to the CPU and back": "return (x.cpu() * 2).to(x.device)",
    "moved like another tensor": "return x + torch.ones(4).to(x)",
    "training loop": """
        w = torch.zeros(4, 1, device=x.device, dtype=x.dtype, requires_grad=True)
        optimizer = torch.optim.Adam([w], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            loss = ((x.detach() @ w - 1) ** 2).mean()
            loss.backward()
            optimizer.step()
        return x @ w.detach()
        """,
    "one_hot and gather on the device": """
        labels = x.argmax(-1)
        return (x * F.one_hot(labels, 4)).sum() + x.gather(1, labels[:, None]).sum()
        """,
    "library layers": "return F.layer_norm(x, (4,)) + F.gelu(x) + F.softplus(x)",
    "attention": "return F.scaled_dot_product_attention(x[None], x[None], x[None])[0]",
    "convolution": "return F.conv1d(x[:, None], x.new_ones(1, 1, 2))",
    "cross-entropy": "return F.cross_entropy(x, x.argmax(-1), label_smoothing=0.1)",
    "singular values": "return torch.linalg.svdvals(x)",
    "filled in place": "out = torch.empty_like(x); out[0] = x[0]; out[1:] = 2 * x[1:]; return out",
}

#: Fail on an accelerator, with the kind of fault and the operator.
BAD = {
    "zeros on the CPU": ("return x + torch.zeros(3, 4)", "mixed", "add"),
    "arange on the CPU": ("return x * torch.arange(4)", "mixed", "mul"),
    "eye on the CPU": ("return x @ torch.eye(4, dtype=x.dtype)", "mixed", "mm"),
    "rand on the CPU": ("return x - torch.rand(3, 4)", "mixed", "sub"),
    "tensor from a list": ("return x / torch.tensor([1.0, 2, 3, 4])", "mixed", "div"),
    "linspace on the CPU": ("return x + torch.linspace(0, 1, 4)", "mixed", "add"),
    "full on the CPU": ("return torch.maximum(x, torch.full((4,), 0.5, dtype=x.dtype))", "mixed", "maximum"),
    "layer made inside": ("return torch.nn.Linear(4, 2).double()(x)", "mixed", ""),
    "normalisation made inside": ("return torch.nn.LayerNorm(4).double()(x)", "mixed", "native_layer_norm"),
    "numpy": ("return torch.from_numpy(x.detach().numpy())", "numpy", ""),
    "function of NumPy": ("return torch.as_tensor(np.stack(list(x.detach())))", "numpy", ""),
    "np.asarray": ("return torch.as_tensor(np.asarray(x.detach()))", "numpy", ""),
    "result on the CPU": ("return (2 * x).cpu()", "result", ""),
    "result moved to the CPU": ("return x.to('cpu') * 2", "result", ""),
    "result in a new CPU tensor": (
        "out = torch.zeros(3, 4, dtype=x.dtype)\nfor i in range(3): out[i] = 2 * x[i]\nreturn out",
        "result",
        "",
    ),
    "result from items": ("return torch.tensor([float(v) for v in x.detach().sum(-1)])", "result", ""),
    "gather with a CPU index": ("return x.gather(1, torch.zeros(3, 1, dtype=torch.long))", "mixed", "gather"),
    "scatter with a CPU index": (
        "return torch.zeros_like(x).scatter(1, torch.zeros(3, 1, dtype=torch.long), 1.0) * x",
        "mixed",
        "scatter",
    ),
    "cat with a CPU tensor": ("return torch.cat([x, torch.ones(1, 4, dtype=x.dtype)])", "mixed", "cat"),
    "stack with a CPU tensor": ("return torch.stack([x[0], torch.ones(4, dtype=x.dtype)])", "mixed", ""),
    "where with a CPU tensor": ("return torch.where(x > 0, x, torch.zeros(3, 4, dtype=x.dtype))", "mixed", "where"),
    "in place into a CPU tensor": (
        "total = torch.zeros(4, dtype=x.dtype)\nfor row in x: total += row\nreturn total",
        "mixed",
        "add_",
    ),
    "in place into a CPU scalar": (
        "total = torch.zeros((), dtype=x.dtype)\nfor row in x: total += row.sum()\nreturn total",
        "mixed",
        "add_",
    ),
    "masked_fill with a CPU mask": (
        "return x.masked_fill(torch.ones(3, 4, dtype=torch.bool).triu(), 0.0)",
        "mixed",
        "masked_fill",
    ),
    "matrix product with a global tensor": ("return x @ WEIGHTS", "mixed", "mm"),
}


class Bench:
    """A bench over names of this process."""

    def __init__(self, **names: Any) -> None:
        self.names, converter = names, Converter("cpu")
        self.live, self.plain, self.torch = converter.live, converter.plain, torch

    def find(self, name: str) -> Any:
        return self.names[name]


def ask(body: str) -> Parts:
    """What the probe says of a function with this body, which stands in line 2 of cell 7."""
    source = "def f(x):\n" + indent(dedent(body).strip("\n"), "    ")
    names: dict[str, Any] = {
        "torch": torch,
        "np": np,
        "F": functional,
        "WEIGHTS": torch.ones(4, 2, dtype=torch.float64),
    }
    exec(compile(source, "<cell 7>", "exec"), names)
    x = tensor(np.random.default_rng(0).normal(size=(3, 4)))
    return device(gradient(x=x)).ask("f", Bench(f=names["f"]))


@pytest.mark.parametrize("name", GOOD)
def test_good_code_runs(name):
    assert ask(GOOD[name])[OBSERVED] == {"device": "fine"}


@pytest.mark.parametrize("name", BAD)
def test_bad_code_is_named_with_operator_and_line(name):
    body, kind, operator = BAD[name]
    found = ask(body)[OBSERVED]
    assert (found["device"], found["kind"]) == ("fault", kind), found
    assert operator in ("", found["operator"])
    if kind != "result":
        assert found["cell"] == 7
        assert found["line"] >= 2


@pytest.mark.parametrize(
    "body",
    [
        "torch.Generator(device=x.device)\nreturn x",
        "return torch.vmap(torch.sum)(x)",
        "return 1 / 0 if x.is_cuda else x",
    ],
    ids=["generator", "vmap", "an exception of its own"],
)
def test_what_cannot_be_told_is_no_fault(body):
    assert ask(body)[OBSERVED]["device"] in ("unknown", "fine")


def test_a_version_of_torch_without_the_private_parts_gives_no_verdict(monkeypatch):
    monkeypatch.delattr(torch._C, "_disabled_torch_function_impl")
    assert ask(BAD["numpy"][0])[OBSERVED] == {"device": "unknown"}


def test_the_answer_is_that_of_the_cpu_and_no_mode_is_left():
    parts = ask("return x + torch.ones(3, 4)")
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_array_equal(parts["output"].array, x + 1, strict=True)
    assert parts["output"].device == "cpu"
    assert torch._C._len_torch_function_stack() == 0
    assert torch.zeros(1).device.type == "cpu"


def test_there_are_as_many_as_were_measured():
    assert len(GOOD) >= 18
    assert len(BAD) >= 23
