"""What is run in every way that is compared: the cells of a notebook, then twenty calls of its functions.

As a script it is the ways that need no sandbox: `serve` is the floor (a warm process that runs one notebook after the
other), `once` a fresh interpreter, `notebook` a server that hands each notebook to nbclient. All print digests of the
twenty answers, so that a way which answers something else cannot win.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

#: Size of a notebook by name: its training steps. The workload W trains for 100.
SIZES = {"W": 100, "W + 1000 steps": 1100, "W + 5000 steps": 5100}

_CELLS = (
    "import math\nimport numpy as np\nimport torch\nfrom torch import nn",
    "torch.manual_seed(0)\nrng = np.random.default_rng(0)",
    """
def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
""",
    "softmax(rng.normal(size=(2, 3)))",
    """
def cross_entropy(scores, labels):
    p = softmax(scores)
    return -np.log(p[np.arange(len(labels)), labels]).mean()
""",
    "def relu(x):\n    return np.maximum(x, 0)",
    """
def one_hot(labels, classes):
    out = np.zeros((len(labels), classes))
    out[np.arange(len(labels)), labels] = 1
    return out
""",
    """
def pairwise_distance(a, b):
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))
""",
    "print('a sum of', relu(rng.normal(size=5)).sum())",
    """
class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.hidden = nn.Linear(4, width)
        self.out = nn.Linear(width, 3)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))
""",
    "net = Net(8)\nnet(torch.zeros(2, 4)).shape",
    "points = torch.randn(64, 4)\ntargets = (points @ torch.tensor([1.0, -2.0, 0.5, 0.0]) > 0).float()",
    """
weights = torch.zeros(4, requires_grad=True)
optimizer = torch.optim.SGD([weights], lr=0.1)
for _ in range(STEPS):
    optimizer.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(points @ weights, targets)
    loss.backward()
    optimizer.step()
""",
    "loss.item(), math.sqrt(len(points))",
    "def predict(x):\n    return torch.sigmoid(torch.as_tensor(x, dtype=torch.float32) @ weights.detach())",
)


def cells(steps: int) -> list[str]:
    """The fifteen cells of a notebook that trains for this many steps."""
    return [source.strip("\n").replace("STEPS", str(steps)) for source in _CELLS]


def calls() -> list[tuple[str, dict[str, Any]]]:
    """The twenty calls: name of the function and its arguments. `predict` depends on every training step."""
    rng = np.random.default_rng(1)
    normal: Callable[..., Any] = lambda *shape: rng.normal(size=shape)  # noqa: E731  # shorter than a def
    return [
        *(("softmax", {"x": normal(rows, 5)}) for rows in (1, 3, 8, 20)),
        *(("cross_entropy", {"scores": normal(n, 4), "labels": rng.integers(4, size=n)}) for n in (2, 5, 9)),
        *(("relu", {"x": normal(n)}) for n in (1, 10, 100)),
        *(("one_hot", {"labels": rng.integers(7, size=n), "classes": 7}) for n in (1, 4, 16)),
        *(("pairwise_distance", {"a": normal(n, 3), "b": normal(4, 3)}) for n in (1, 6, 12)),
        *(("predict", {"x": normal(n, 4)}) for n in (1, 2, 7, 30)),
    ]


def digest(answer: Any) -> str:
    """A few characters that depend on dtype, shape and every bit of an answer (array, tensor or number)."""
    array = np.asarray(answer.detach().numpy() if hasattr(answer, "detach") else answer)
    return _digest(str(array.dtype), str(array.shape), array.tobytes().hex())


def _digest(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:12]


def run(sources: Sequence[str]) -> list[Any]:
    """Run the cells in a fresh namespace and make the calls; returns the answers."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for number, source in enumerate(sources, 1):
            exec(compile(source, f"<cell {number}>", "exec"), namespace)
    return [namespace[name](**arguments) for name, arguments in calls()]


def serve() -> None:
    """The floor: answer each line (training steps) with times and digests of one run in this warm process."""
    for _ in range(2):
        run(cells(5))
    gc.collect()
    gc.freeze()
    for steps in _requests():
        sources = cells(steps)
        wall, cpu = time.perf_counter(), time.process_time()
        answers = run(sources)
        _respond(time.perf_counter() - wall, time.process_time() - cpu, [digest(a) for a in answers])


def notebook() -> None:
    """Answer each line (training steps) by running a notebook with nbclient in a kernel of its own."""
    import nbclient
    import nbformat

    for steps in _requests():
        asked = [_call_cell(name, arguments) for name, arguments in calls()]
        made = [nbformat.v4.new_code_cell(source) for source in (*cells(steps), *asked)]
        wall, cpu = time.perf_counter(), _cpu_with_children()
        book = nbformat.v4.new_notebook(cells=made)
        # Without the argument every kernel warns that it talks over TCP.
        client = nbclient.NotebookClient(book, kernel_name="python3", extra_arguments=["--log-level=ERROR"])
        done = client.execute()
        wall, cpu = time.perf_counter() - wall, _cpu_with_children() - cpu
        # On a busy machine the text of one print may arrive in pieces.
        printed = ["".join(output.text for output in cell.outputs) for cell in done.cells[-len(asked) :]]
        _respond(wall, cpu, [_digest(text.rstrip("\n")) for text in printed])


def _call_cell(name: str, arguments: dict[str, Any]) -> str:
    """A cell that makes one call and prints what `digest` looks at."""
    texts = (
        f"{key}=np.array({value.tolist()!r})" if isinstance(value, np.ndarray) else f"{key}={value!r}"
        for key, value in arguments.items()
    )
    return (
        f"_ = {name}({', '.join(texts)})\n"
        "_ = np.asarray(_.detach().numpy() if hasattr(_, 'detach') else _)\n"
        "print(_.dtype, _.shape, _.tobytes().hex())"
    )


def _cpu_with_children() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _requests() -> Iterator[int]:
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        yield int(line)


def _respond(wall_s: float, cpu_s: float, digests: list[str]) -> None:
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "digests": digests}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "once":
        print(json.dumps([digest(answer) for answer in run(cells(int(sys.argv[2])))]))
    else:
        {"serve": serve, "notebook": notebook}[sys.argv[1]]()
