"""The imports and first uses that are paid once, before the first job is forked.

A first `torch.optim.SGD` alone imports some 800 modules; every job would pay for it. What runs here is our own code:
nothing of a course, no reference and no submission may come near the process that jobs are forked from.
"""

from __future__ import annotations

import contextlib
import importlib
import os
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


def warm_up(modules: tuple[str, ...] = PRELOAD) -> tuple[str, ...]:
    """Import modules and use the slow-to-start parts of them once.

    Returns:
        The modules that are installed, of those asked for.
    """
    # Before torch: a module that is not installed must not be searched for again in every job.
    loaded = tuple(name for name in modules if _import(name) is not None)
    from autograder.sandbox import shell

    importlib.import_module("autograder.sandbox.job")  # for the jobs, which can no longer reach our files
    shell.warm_up()
    if "torch" in loaded:
        _warm_torch()
    if "matplotlib.pyplot" in loaded:
        _warm_plot()
    _warm_cells(shell)
    return loaded


def _import(name: str) -> Any:
    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    return None


def _warm_torch() -> None:
    import torch

    torch.set_num_threads(1)
    weight = torch.zeros(2, 2, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    optimizer.zero_grad()
    if not torch.cuda._is_compiled() and not _accelerator_registered(torch):
        # With an accelerator this would start a thread; without one it is harmless in a process that will be forked.
        torch.autograd.backward((torch.softmax(weight @ weight, -1) ** 2).sum())
        optimizer.step()
    repr(weight)
    layers = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    with torch.no_grad():
        layers(torch.zeros(1, 2))


def _accelerator_registered(torch: Any) -> bool:
    # "privateuseone" is the name of an unused slot: any other says that a backend took it.
    return bool(torch._C._get_privateuse1_backend_name() != "privateuseone")


def _warm_plot() -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1], label="a")
    axes.set_title("$x^2$")
    axes.legend()
    plt.close(figure)


def _warm_cells(shell: Any) -> None:
    """Run ordinary cells and conversions once, so that jobs find these code paths warm."""
    import numpy as np

    from autograder.course.probes import call, gradient
    from autograder.course.values import tensor
    from autograder.sandbox import wire
    from autograder.sandbox.live import Converter

    converter = Converter()
    probes: list[Any] = [call(x=np.ones((2, 3)))]
    if converter.torch is not None:
        probes.append(gradient(x=tensor(np.ones(3))))
    frame = wire.encode({"probes": probes})
    for probe in wire.decode_frame(frame, records=True)["probes"]:
        wire.encode(converter.plain(converter.live(probe.kwargs["x"])))
    with shell.Shell() as warm:
        for index, source in enumerate(_CELLS):
            warm.run_cell(index, source)
    os.environ.pop("TMPDIR", None)


_CELLS = (
    "import numpy as np\nimport math",
    "def f(x, axis=-1):\n    e = np.exp(x - x.max(axis, keepdims=True))\n    return e / e.sum(axis, keepdims=True)",
    "f(np.ones((2, 3)))",
    "class A:\n    def __init__(self):\n        self.x = [1, 2]\nprint(A().x)",
    "1 / 0",
)
