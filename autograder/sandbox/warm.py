"""The imports and first uses that are paid once, before the first job is forked.

A first `torch.optim.SGD` alone imports some 800 modules; every job would pay for it. What runs here is our own code:
nothing of a course, no reference and no submission may come near the process that jobs are forked from.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import io
import mmap
import os
import random
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

#: Set before the zygote starts: one thread (forking a process with threads deadlocks), no display, a fixed hash order,
#: and huge pages, which make a fork cheaper.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    # Forked jobs must find no accelerator: touching one before the fork breaks them all (see docs on devices).
    "CUDA_VISIBLE_DEVICES": "",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
}

#: What every job finds imported already; those that are not installed are left out.
PRELOAD = ("numpy", "torch", "matplotlib.pyplot", "scipy.special", "tqdm")
#: What answers may depend on, even where no text names it: the random numbers of a library that uses torch, say.
ALWAYS = ("numpy", "torch")


def named_in(texts: Iterable[str], always: Collection[str] = ()) -> tuple[str, ...]:
    """The modules of `PRELOAD` that these texts of code name; for a few jobs the others are not worth their import.

    Args:
        texts: of all code that will run, as far as it is known.
        always: modules that answers may depend on, whatever the texts say.
    """
    text = "\n".join(texts)
    return tuple(name for name in PRELOAD if name in always or name.partition(".")[0] in text)


def warm_up(modules: Sequence[str] = PRELOAD, *, many: bool = False) -> tuple[str, ...]:
    """Import modules and use the slow-to-start parts of them once.

    Args:
        modules: to import.
        many: whether hundreds of jobs follow, for which the memory is worth being put in order.

    Returns:
        The modules that are installed, of those asked for.
    """
    loaded = load(modules)
    from autograder.sandbox import shell

    importlib.import_module("autograder.sandbox.job")  # for the jobs, which can no longer reach our files
    shell.warm_up()
    if "matplotlib.pyplot" in loaded:
        _warm_plot()
    _rehearse(sys.modules.get("torch"))
    if many:
        gc.collect()
        _gather_pages()
    return loaded


def load(modules: Sequence[str]) -> tuple[str, ...]:
    """Import modules, and of torch also what its optimizers load; returns those that are installed."""
    # Not from the job's modules, which import some of these: one that is not installed is searched for only here.
    loaded = tuple(name for name in modules if _import(name) is not None)
    if "torch" in loaded:
        _warm_torch()
    return loaded


def _import(name: str) -> Any:
    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    return None


def _warm_torch() -> None:
    import torch

    torch.set_num_threads(1)
    weight = torch.zeros(2, 2, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)  # the first one loads as much as torch itself
    optimizer.zero_grad()
    if _backward_is_harmless(torch):
        torch.autograd.backward((torch.softmax(weight @ weight, -1) ** 2).sum())
        optimizer.step()
    repr(weight)
    layers = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    with torch.no_grad():
        layers(torch.zeros(1, 2))


def _backward_is_harmless(torch: Any) -> bool:
    """Whether autograd starts no thread: where an accelerator is registered it does, and then every job fails."""
    # "privateuseone" is the name of an unused slot: any other says that a backend took it.
    return not torch.cuda._is_compiled() and torch._C._get_privateuse1_backend_name() == "privateuseone"


def _warm_plot() -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1], label="a")
    axes.set_title("$x^2$")
    axes.legend()
    plt.close(figure)


def _rehearse(torch: Any) -> None:
    """Be a job once, from the first cell to the last answer, so that jobs find these code paths warm.

    What is first used in a job costs that job the import of modules, and a copy of each memory page that it changes.
    """
    importlib.import_module("resource")  # for the limits of a job, which can no longer reach its file
    import numpy as np

    from autograder.course import probes
    from autograder.course.accelerator import device
    from autograder.course.observe import lines, ops
    from autograder.course.values import tensor
    from autograder.sandbox import job, wire
    from autograder.sandbox.live import Converter
    from autograder.sandbox.settings import restore_settings, settings_snapshot
    from autograder.sandbox.shell import Shell

    x = np.ones((2, 3))
    cells = [*_CELLS]
    asked: list[tuple[str, probes.Probe]] = [("f", probes.call(x=x)), ("x", probes.value())]
    random.seed(0)
    np.random.seed(0)
    if torch is not None:
        torch.manual_seed(0)
        cells += _TORCH_CELLS
        asked.append(("g", probes.call(x=tensor(x))))
        if _backward_is_harmless(torch):
            cells.append(_TRAINING_CELL)
            gradient = probes.gradient(x=tensor(x))
            asked += [("g", gradient), ("g", ops(gradient)), ("g", lines(gradient, gradient)), ("g", device(gradient))]
            asked.append(("Net", probes.module(probes.call(), tensor(x, "float32"))))
    with Shell() as shell:
        bench = job.StudentBench(shell.namespace, Converter())
        settings = settings_snapshot()
        for index, source in enumerate(cells):
            wire.encode(vars(shell.run_cell(index, source)))
        for name, probe in asked:
            restore_settings(settings)
            question = wire.decode_frame(wire.encode({"do": "ask", "probe": probe}), records=True)
            wire.decode_frame(wire.encode({"parts": question["probe"].ask(name, bench)}))
    os.environ.pop("TMPDIR", None)


_CELLS = (
    "import math\nimport numpy as np\nrng = np.random.default_rng(0)\nx = rng.normal(size=(2, 3))",
    "def f(x, axis=-1):\n    e = np.exp(x - x.max(axis, keepdims=True))\n    return e / e.sum(axis, keepdims=True)",
    "f(np.ones((2, 3)))",
    "np.allclose(f(x).sum(-1), 1), np.argmax(x), np.zeros(2)[np.arange(2)] @ x @ np.eye(3), np.maximum(x, 0).mean()",
    "class A:\n    def __init__(self):\n        self.x = [1, 2]\nprint(A().x, 'and', 0.5)",
    "1 / 0",
    "%matplotlib inline",
)
_TORCH_CELLS = (
    "import torch\nimport torch.nn.functional as F\nfrom torch import nn\ntorch.manual_seed(0)",
    "points = torch.randn(4, 3)\ndef g(x):\n    return torch.softmax(x, -1)",
    """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(3, 2), nn.Linear(2, 3)
    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))
net = Net()
net""",
    "with torch.no_grad():\n    out = net(points)\nout, out.shape, F.cross_entropy(out, torch.arange(4) % 3).item()",
)
_TRAINING_CELL = """for optimizer in torch.optim.SGD(net.parameters(), lr=0.1), torch.optim.Adam(net.parameters()):
    for _ in range(2):
        optimizer.zero_grad()
        scores = net(points)
        binary = F.binary_cross_entropy_with_logits(scores[:, 0], (points[:, 0] > 0).float())
        loss = binary + F.mse_loss(scores, points)
        loss.backward()
        optimizer.step()
loss"""

_HUGE_PAGE = 2 * 2**20
_MADV_COLLAPSE = 25


def _gather_pages() -> None:
    """Have the kernel gather the memory of this process into huge pages, where it can (Linux 6.1).

    A fork copies the page tables, and the end of a job takes them down again: with huge pages there are far fewer.
    """
    maps, entries = Path("/proc/self/maps"), Path("/proc/self/pagemap")
    if not maps.exists() or not entries.exists():
        return
    libc = ctypes.CDLL(None)
    with entries.open("rb", buffering=0) as pages:
        for line in maps.read_text(encoding="utf-8", errors="replace").splitlines():
            span, rights, _, _, inode = line.split()[:5]
            if rights != "rw-p" or inode != "0":
                continue
            start, end = (int(address, 16) for address in span.split("-"))
            for page in range(-(-start // _HUGE_PAGE) * _HUGE_PAGE, end // _HUGE_PAGE * _HUGE_PAGE, _HUGE_PAGE):
                if _is_mostly_there(pages, page):  # a refusal is no harm: the pages stay as they are
                    libc.madvise(ctypes.c_void_p(page), ctypes.c_size_t(_HUGE_PAGE), _MADV_COLLAPSE)


def _is_mostly_there(pages: io.FileIO, start: int) -> bool:
    """Whether a huge page would hold little but memory that is in use anyway."""
    size = mmap.PAGESIZE
    with contextlib.suppress(OSError, ValueError):  # a host that has the file, and does not tell
        pages.seek(start // size * 8)  # eight bytes for each page
        words = memoryview(pages.read(_HUGE_PAGE // size * 8)).cast("Q")
        return sum(word >> 63 for word in words) > len(words) // 2
    return False
