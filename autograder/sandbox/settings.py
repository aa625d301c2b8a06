"""Which global settings cells may change, and how they are put back.

Every setting is a row made by `_setting`; those of a library are added once it is loaded, right after its import.
"""

from __future__ import annotations

import builtins
import gc
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, cast

# A private copy, for the reason given in `autograder.sandbox.stubs`.
globals()["__builtins__"] = dict(vars(builtins))


@dataclass(frozen=True)
class _Setting:
    """A setting of the process, with references taken before student code could replace them."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    initial: Any


_SETTINGS: list[_Setting] = []


#: The settings that say where this process lives.
PLACES = frozenset({"cwd", "environ"})


def settings_snapshot(names: Container[str] | None = None) -> dict[str, Any]:
    """The values that `restore_settings` puts back, states of random generators included; only those named, if any."""
    return {setting.name: setting.read() for setting in _SETTINGS if names is None or setting.name in names}


def restore_settings(snapshot: Mapping[str, Any]) -> None:
    """Put settings back as they were at the snapshot.

    A library that was loaded later gets the settings it had right after its import. What cannot be
    put back (a cell has broken the library itself) stays as it is.
    """
    for setting in _SETTINGS:
        try:
            setting.write(snapshot.get(setting.name, setting.initial))
        except BaseException:  # student code may be anywhere by now
            continue


def add_loaded_libraries() -> None:
    """Include the settings of the libraries that are loaded by now."""
    for name in _LIBRARIES:
        if name in sys.modules:
            _add_library(sys.modules[name])


def _setting(name: str, read: Callable[[], Any], write: Callable[[Any], object]) -> None:
    try:
        initial = read()
    except Exception:  # this version of the library does not have it
        return
    _SETTINGS.append(_Setting(name, read, write, initial))


def _attribute(owner: Any, name: str) -> None:
    _setting(f"{owner.__name__}.{name}", lambda: getattr(owner, name), lambda value: setattr(owner, name, value))


# Python.


def _add_python() -> None:
    _setting("trace", sys.gettrace, sys.settrace)
    _setting("profile", sys.getprofile, sys.setprofile)
    _setting("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit)
    _setting("switch interval", sys.getswitchinterval, sys.setswitchinterval)
    for name in ("stdout", "stderr", "stdin", "argv", "displayhook", "excepthook"):
        _attribute(sys, name)
    _setting("main", lambda: sys.modules["__main__"], lambda module: sys.modules.__setitem__("__main__", module))
    _setting("cwd", os.getcwd, os.chdir)
    _setting("environ", lambda: (dict(_encoded), dict(_environment)), _write_environment)
    _setting("warnings", lambda: list(warnings.filters), _write_filters)
    _attribute(warnings, "showwarning")
    _setting("gc", gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable())
    _setting("random", random.getstate, random.setstate)
    for number in (signal.SIGINT, signal.SIGTERM):
        _signal_handler(number)
    if sys.platform != "win32":
        timer = signal.ITIMER_REAL
        _signal_handler(signal.SIGALRM)
        _setting("timer", lambda: signal.getitimer(timer), lambda value: signal.setitimer(timer, *value))


def _signal_handler(number: signal.Signals) -> None:
    def write(handler: Any) -> None:
        # None: not installed by Python, so it cannot be put back by it either.
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)

    _setting(f"handler of {number.name}", lambda: signal.getsignal(number), write)


#: The variables, and what lies behind them: `os.environ` encodes and decodes every one that it is asked for.
_environment = os.environ
_encoded: dict[Any, Any] = vars(os.environ)["_data"]


def _write_environment(values: tuple[dict[Any, Any], dict[str, str]]) -> None:
    # A cell may have put something else in the place of either.
    os.environ = _environment  # noqa: B003  # the very same object
    vars(_environment)["_data"] = _encoded
    encoded, decoded = values
    if _encoded != encoded:
        _environment.clear()
        _environment.update(decoded)


def _write_filters(filters: list[Any]) -> None:
    if list(warnings.filters) != filters:
        warnings.resetwarnings()  # also tells the interpreter that the list has changed
        cast("list[Any]", warnings.filters).extend(filters)


# Libraries.


def _add_numpy(numpy: Any) -> None:
    set_errors, set_print = numpy.seterr, numpy.set_printoptions
    _setting("numpy errors", numpy.geterr, lambda modes: set_errors(**modes))
    _setting("numpy error call", numpy.geterrcall, numpy.seterrcall)
    _setting("numpy print", numpy.get_printoptions, lambda options: set_print(**options))
    _setting("numpy random", _numpy_state_reader(numpy), numpy.random.set_state)


def _numpy_state_reader(numpy: Any) -> Callable[[], Any]:
    get_state = numpy.random.get_state

    def read() -> Any:
        state = get_state(legacy=False)
        key = state["state"].get("key")
        if key is not None:  # NumPy puts a list back thirty times as fast as an array
            state["state"]["key"] = key.tolist()
        return state

    return read


def _add_torch(torch: Any) -> None:
    """References into torch; nothing here touches an accelerator that is not in use."""
    c, cuda = torch._C, torch.cuda
    _setting("torch dtype", torch.get_default_dtype, torch.set_default_dtype)
    _setting("torch device", lambda: _torch_device(torch), torch.set_default_device)
    _setting("torch grad", torch.is_grad_enabled, c._set_grad_enabled)
    _setting("torch inference", torch.is_inference_mode_enabled, _torch_inference_writer(torch))
    _setting("torch anomaly", torch.is_anomaly_enabled, c.set_anomaly_enabled)
    # Not torch.use_deterministic_algorithms: it imports the compiler.
    strict, only_warn = c._get_deterministic_algorithms, c._get_deterministic_algorithms_warn_only
    set_strict = c._set_deterministic_algorithms
    _setting(
        "torch deterministic",
        lambda: (strict(), only_warn()),
        lambda value: set_strict(value[0], warn_only=value[1]),
    )
    _setting("cudnn deterministic", c._get_cudnn_deterministic, c._set_cudnn_deterministic)
    _setting("cudnn benchmark", c._get_cudnn_benchmark, c._set_cudnn_benchmark)
    _setting("cudnn tf32", c._get_cudnn_allow_tf32, c._set_cudnn_allow_tf32)
    _setting("torch matmul", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision)
    _setting("torch threads", torch.get_num_threads, torch.set_num_threads)
    options = torch._tensor_str.PRINT_OPTS
    _setting("torch print", lambda: dict(vars(options)), lambda values: vars(options).update(values))
    _setting("torch random", torch.get_rng_state, torch.set_rng_state)
    is_used, seed_all = cuda.is_initialized, cuda.manual_seed_all
    _setting("cuda random", torch.initial_seed, lambda seed: seed_all(seed) if is_used() else None)


def _torch_device(torch: Any) -> Any:
    # Not torch.get_default_device: for "never set" it says "cpu", which slows torch down when set.
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return None if context is None else context.device


def _torch_inference_writer(torch: Any) -> Callable[[bool], None]:
    is_enabled, make_guard = torch.is_inference_mode_enabled, torch.inference_mode
    entered = []  # a guard ends its mode when it is collected

    def write(enabled: bool) -> None:
        if is_enabled() != enabled:  # a cell has entered the other mode and never left it
            entered.append(make_guard(enabled))
            entered[-1].__enter__()

    return write


_LIBRARIES: dict[str, Callable[[Any], None]] = {"numpy": _add_numpy, "torch": _add_torch}
_added: set[str] = set()


def _add_library(module: Any) -> None:
    if module.__name__ not in _added:
        _added.add(module.__name__)
        _LIBRARIES[module.__name__](module)


def _on_first_import(module: Any) -> None:
    if module.__name__ == "numpy":
        module.random.seed(0)  # by itself it starts anywhere, and results have to repeat
    _add_library(module)


#: What to call when a cell has loaded a library, before the next line of the cell runs.
AFTER_IMPORT: Mapping[str, Callable[[Any], None]] = dict.fromkeys(_LIBRARIES, _on_first_import)

_add_python()
