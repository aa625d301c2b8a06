"""What cells find instead of things that need a person, a browser or a network.

Two tables. `_REPLACED` modules never load: an own, small module answers under their name.
`_PATCHED` modules are the real ones, changed right after they load. Both work through an import
hook, so nothing is imported that a cell does not ask for. Nothing here is a trust boundary: a cell
can undo all of it and harms only itself.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import CodeType, ModuleType
from typing import Any, Protocol

# Functions defined below look builtins up in this copy: a cell that patches `builtins.open` or
# `builtins.len` must not break the shell it runs in.
globals()["__builtins__"] = dict(vars(builtins))


class Host(Protocol):
    """What the stubs need from the shell."""

    def note(self, text: str) -> None: ...
    def show(self, value: object) -> None: ...
    def clear_output(self) -> None: ...
    def cell_lines(self, code: CodeType) -> Sequence[str] | None: ...


class InputNotAvailableError(EOFError):
    """Raised at once where a cell would wait for a person."""


class Stubs(Loader):
    """The import hook and every replacement; `uninstall` puts the process back as it was."""

    def __init__(
        self,
        host: Host,
        kernel: object,
        after_import: Mapping[str, Callable[[ModuleType], object]],
    ) -> None:
        self.host = host
        self.kernel = kernel
        self._after_import = after_import
        self._undo: list[Callable[[], object]] = []

    def install(self) -> None:
        """Replace builtins, settings and loaded modules; hook into later imports."""
        for name, value in {
            "input": _refused("input"),
            "exit": _leave,
            "quit": _leave,
            "display": self.display,
            "get_ipython": self.get_ipython,
        }.items():
            self.put(builtins, name, value)
        self.put(sys, "argv", ["notebook"])
        self.put(sys, "breakpointhook", self.noting("breakpoint() was not run"))
        # Last, where Jupyter has it first: a random.py of theirs must not replace the library's.
        self.put(sys, "path", [*sys.path, *([] if "" in sys.path else [""])])
        self.put(sys, "meta_path", [self, *sys.meta_path])
        self._put_item(os.environ, "MPLBACKEND", "Agg")
        for name in _REPLACED:  # a package comes before its modules
            if name in sys.modules and name not in _ONLY_IF_MISSING:
                self._replace_loaded(name)
        for name, patch in _PATCHED.items():
            if name in sys.modules:
                patch(self, sys.modules[name])

    def uninstall(self) -> None:
        """Undo `install` and everything that was patched since, in reverse order."""
        for name, module in list(sys.modules.items()):
            if getattr(getattr(module, "__spec__", None), "loader", None) is self:
                sys.modules.pop(name, None)
                parent, _, child = name.rpartition(".")
                vars(sys.modules.get(parent, ModuleType(parent))).pop(child, None)
        while self._undo:
            self._undo.pop()()

    def put(self, owner: Any, name: str, value: object) -> None:
        """``owner.name = value``, remembering how to undo it."""
        old = vars(owner).get(name, self)  # self stands for "there was none"
        self._undo.append(lambda: delattr(owner, name) if old is self else setattr(owner, name, old))
        setattr(owner, name, value)

    def _put_item(self, mapping: Any, key: str, value: object) -> None:
        old = mapping.get(key, self)
        self._undo.append(lambda: mapping.pop(key, None) if old is self else mapping.__setitem__(key, old))
        mapping[key] = value

    def noting(self, text: str, result: object = None) -> Callable[..., Any]:
        """A function that takes anything, makes a note and returns `result`."""

        def noted(*args: object, **kwargs: object) -> object:
            self.host.note(text)
            return result

        return noted

    # What cells call.

    def display(self, *values: object, display_id: object = None, **options: object) -> Any:
        """IPython's `display`: shows the repr of each value."""
        for value in values:
            self.host.show(value)
        return _DisplayHandle(self.host) if display_id else None

    def get_ipython(self) -> object:
        """The stand-in for the running kernel."""
        return self.kernel

    def clear_output(self, wait: bool = False) -> None:
        """Forget what the cell has printed so far, as Jupyter does."""
        self.host.clear_output()

    # The import hook: finder and loader in one.

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Our own spec for a replaced module; the real one, with a hook, for a patched one."""
        if name in _REPLACED:
            if name in _ONLY_IF_MISSING and PathFinder.find_spec(name, path) is not None:
                return None
            if name == "google.colab" and self._is_only_tried():
                return None
            return ModuleSpec(name, self, is_package=True)
        if name not in _PATCHED and name not in self._after_import:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            self._patch_after_load(spec.loader)
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """Fill a replaced module."""
        _REPLACED[module.__name__](self, module)

    def _patch_after_load(self, loader: Any) -> None:
        # On the loader object itself: `module.__loader__` must keep its type (resources, inspect).
        load = loader.exec_module

        def load_and_patch(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            load(module)
            self._patch(module)

        loader.exec_module = load_and_patch

    def _patch(self, module: ModuleType) -> None:
        name = module.__name__
        if name in self._after_import:
            self._after_import[name](module)
        if name in _PATCHED:
            _PATCHED[name](self, module)

    def _replace_loaded(self, name: str) -> None:
        stub = ModuleType(name)
        self.exec_module(stub)
        self._put_item(sys.modules, name, stub)
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            self.put(sys.modules[parent], child, stub)

    def _is_only_tried(self) -> bool:
        """Is the import inside a `try:` of a cell? Then it asks "is this Colab?": no."""
        frame = inspect.currentframe()
        while frame is not None:
            lines = self.host.cell_lines(frame.f_code)
            if lines is not None:
                return _inside_try(lines, frame.f_lineno)
            frame = frame.f_back
        return False


class _DisplayHandle:
    def __init__(self, host: Host) -> None:
        self._host = host
        self.display_id = "display"

    def display(self, value: object, **options: object) -> None:
        self._host.show(value)

    update = display


def flush_figures(host: Host) -> None:
    """Note what every open figure shows, then close all. Never renders: that costs 45 ms a plot."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    try:
        for number in pyplot.get_fignums():
            host.note(_figure_note(pyplot.figure(number)))
        pyplot.close("all")
    except Exception as error:  # student code may have replaced any part of a figure
        host.note(f"a figure could not be described ({type(error).__name__})")


def _figure_note(figure: Any) -> str:
    all_axes = figure.axes
    described = "; ".join(_axes_note(axes) for axes in all_axes[:4])
    return f"plot with {len(all_axes)} axes" + (f": {described}" if described else "")


_ARTISTS = {"line": "lines", "collection": "collections", "patch": "patches", "image": "images"}


def _axes_note(axes: Any) -> str:
    texts = {"title": axes.get_title(), "x": axes.get_xlabel(), "y": axes.get_ylabel()}
    parts = [f"{name} {text[:60]!r}" for name, text in texts.items() if text]
    for one, many in _ARTISTS.items():
        count = len(getattr(axes, many))
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    return ", ".join(parts) or "empty"


def _inside_try(lines: Sequence[str], number: int) -> bool:
    line = lines[number - 1] if number <= len(lines) else ""
    indent = len(line) - len(line.lstrip())
    if line.lstrip().startswith("try:"):
        return True
    for above in reversed(lines[: number - 1]):
        if above.strip() and len(above) - len(above.lstrip()) < indent:
            return above.lstrip().startswith("try:")
    return False


def _nothing(*args: object, **kwargs: object) -> None:
    """Takes anything, does nothing."""


def _refused(name: str) -> Callable[..., str]:
    def refused(*args: object, **kwargs: object) -> str:
        raise InputNotAvailableError(f"{name}() is not available when grading")

    return refused


def _leave(code: object = None) -> None:
    # Unlike site's version this one does not close standard input.
    raise SystemExit if code is None else SystemExit(code)


# Replaced modules. Each function fills a new, empty module.


def _with(**attributes: object) -> Callable[[Stubs, Any], object]:
    """For a module that holds nothing else."""
    return lambda stubs, module: vars(module).update(attributes)


def _fill_tqdm_notebook(stubs: Stubs, module: Any) -> None:
    plain = importlib.import_module("tqdm")
    module.tqdm = module.tqdm_notebook = plain.tqdm
    module.trange = module.tnrange = plain.trange


class _SilentTqdm:
    """tqdm where it is not installed: iterates, shows nothing."""

    def __init__(self, iterable: Iterable[Any] = (), *args: object, **options: Any) -> None:
        self.iterable, self.total, self.n = iterable, options.get("total"), 0

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)

    def __len__(self) -> int:
        return self.total if isinstance(self.total, int) else len(self.iterable)  # type: ignore[arg-type]

    def __enter__(self) -> _SilentTqdm:  # typing.Self needs Python 3.11
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def update(self, n: int = 1) -> None:
        self.n += n

    @staticmethod
    def write(text: str, *args: object, **options: object) -> None:
        print(text)

    set_description = set_description_str = set_postfix = set_postfix_str = _nothing
    close = refresh = reset = clear = display = _nothing


def _silent_trange(*args: int, **options: object) -> _SilentTqdm:
    return _SilentTqdm(range(*args))


_COLAB_PARTS = ("auth", "data_table", "drive", "files", "output", "patches", "runtime", "userdata", "widgets")


def _fill_colab(stubs: Stubs, module: Any) -> None:
    def lookup(name: str) -> Any:
        if name not in _COLAB_PARTS:
            raise AttributeError(f"module 'google.colab' has no attribute {name!r} when grading")
        return importlib.import_module(f"google.colab.{name}")

    module.__getattr__ = lookup


def _fill_colab_part(stubs: Stubs, module: Any) -> None:
    prefix = module.__name__

    def lookup(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        uploaded: object = {} if name == "upload" else None
        return stubs.noting(f"{prefix}.{name}() was not run", uploaded)

    module.__getattr__ = lookup


_OTTER_METHODS = ("__init__", "add_plugin_files", "check", "check_all", "export", "run_plugin", "submit", "to_pdf")


def _fill_ipywidgets(stubs: Stubs, module: Any) -> None:
    def interact(function: Any = None, **controls: object) -> Any:
        if function is None:
            return lambda later: interact(later, **controls)
        try:
            function(**{name: _default_of(control) for name, control in controls.items()})
        except Exception as error:  # student code; in Jupyter too the cell goes on
            stubs.host.note(f"interact: {type(error).__name__} with the default values")
        return function

    def interact_manual(function: Any = None, **controls: object) -> Any:
        return (lambda later: later) if function is None else function

    def lookup(name: str) -> Any:
        if name == "widgets":
            return module
        if not name[:1].isupper():
            raise AttributeError(f"module 'ipywidgets' has no attribute {name!r} when grading")
        return type(name, (_Widget,), {})

    module.interact = module.interactive = module.interactive_output = interact
    module.interact_manual, module.fixed, module.__getattr__ = interact_manual, _Fixed, lookup


class _Widget:
    """Any widget: remembers its keywords, reacts to nothing."""

    def __init__(self, *args: object, value: object = None, **keywords: object) -> None:
        options = keywords.get("options")
        self.value = options[0] if value is None and isinstance(options, (list, tuple)) and options else value
        self.children = args[0] if args else ()
        for name, keyword in keywords.items():
            setattr(self, name, keyword)

    def __enter__(self) -> _Widget:  # typing.Self needs Python 3.11
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    observe = unobserve = on_click = on_submit = clear_output = close = _nothing


class _Fixed(_Widget):
    def __init__(self, value: object) -> None:
        super().__init__(value=value)


def _default_of(control: Any) -> Any:
    """The value a slider or menu of `interact` starts with."""
    if isinstance(control, _Widget):
        return control.value
    if isinstance(control, tuple) and len(control) in (2, 3) and all(isinstance(end, (int, float)) for end in control):
        low, high = control[:2]
        middle = low + (high - low) / 2
        return int(middle) if isinstance(low, int) and isinstance(high, int) else middle
    if isinstance(control, dict):
        return next(iter(control.values()), None)
    if isinstance(control, (list, tuple)):
        return control[0] if control else None
    return control


#: How to fill a module that answers in place of the real one.
_REPLACED: dict[str, Callable[[Stubs, Any], object]] = {
    "google": _with(),
    "google.colab": _fill_colab,
    **{f"google.colab.{part}": _fill_colab_part for part in _COLAB_PARTS},
    "ipywidgets": _fill_ipywidgets,
    "ipywidgets.widgets": _fill_ipywidgets,
    # The real one would start an InteractiveShell, and that replaces __main__.
    "matplotlib_inline": _with(),
    "matplotlib_inline.backend_inline": _with(set_matplotlib_formats=_nothing, set_matplotlib_close=_nothing),
    "nest_asyncio": _with(apply=_nothing),
    "otter": _with(Notebook=type("Notebook", (), dict.fromkeys(_OTTER_METHODS, _nothing))),
    "tqdm": _with(tqdm=_SilentTqdm, trange=_silent_trange, tqdm_notebook=_SilentTqdm, tnrange=_silent_trange),
    "tqdm.auto": _fill_tqdm_notebook,
    "tqdm.autonotebook": _fill_tqdm_notebook,
    "tqdm.notebook": _fill_tqdm_notebook,
}
#: Of these a real one is preferred.
_ONLY_IF_MISSING = frozenset({"google", "tqdm"})


# Patched modules. Each function changes a real module that has just been loaded.


def _patch_display(stubs: Stubs, module: Any) -> None:
    for name, value in {
        "display": stubs.display,
        "clear_output": stubs.clear_output,
        "update_display": stubs.display,
        "set_matplotlib_formats": _nothing,
    }.items():
        stubs.put(module, name, value)


def _patch_get_ipython(stubs: Stubs, module: Any) -> None:
    stubs.put(module, "get_ipython", stubs.get_ipython)


def _patch_pyplot(stubs: Stubs, module: Any) -> None:
    def show(*args: object, **options: object) -> None:
        flush_figures(stubs.host)

    original = module.switch_backend

    @wraps(original)
    def keep_agg(newbackend: str) -> None:
        original("agg")

    stubs.put(module, "show", show)
    stubs.put(module, "switch_backend", keep_agg)


def _patch_data_loader(stubs: Stubs, module: Any) -> None:
    """Load data in the job itself: the jail lets no process start."""
    original = module.DataLoader.__init__
    workers_at = list(inspect.signature(original).parameters).index("num_workers") - 1  # without self

    @wraps(original)
    def init(self: Any, *args: Any, **options: Any) -> None:
        given = args[workers_at] if len(args) > workers_at else options.get("num_workers", 0)
        if given:
            stubs.host.note(f"DataLoader(num_workers={given}) ran with 0 workers")
            args = (*args[:workers_at], 0, *args[workers_at + 1 :]) if len(args) > workers_at else args
            options = {name: value for name, value in options.items() if name not in _WORKER_OPTIONS}
        original(self, *args, **options)

    stubs.put(module.DataLoader, "__init__", init)


#: Without workers torch refuses these.
_WORKER_OPTIONS = frozenset(
    {"num_workers", "prefetch_factor", "persistent_workers", "multiprocessing_context", "timeout"}
)

#: How to change a real module.
_PATCHED: dict[str, Callable[[Stubs, Any], object]] = {
    "IPython": _patch_get_ipython,
    "IPython.core.display": _patch_display,
    "IPython.core.display_functions": _patch_display,
    "IPython.core.getipython": _patch_get_ipython,
    "IPython.core.interactiveshell": lambda stubs, module: stubs.put(
        module.InteractiveShell, "instance", staticmethod(stubs.get_ipython)
    ),
    "IPython.display": _patch_display,
    "getpass": lambda stubs, module: stubs.put(module, "getpass", _refused("getpass")),
    "matplotlib": lambda stubs, module: stubs.put(module, "use", _nothing),
    "matplotlib.pyplot": _patch_pyplot,
    "pdb": lambda stubs, module: stubs.put(module, "set_trace", stubs.noting("pdb.set_trace() was not run")),
    "torch.utils.data.dataloader": _patch_data_loader,
    # The monitor is a thread; 0 means none.
    "tqdm": lambda stubs, module: stubs.put(module.tqdm, "monitor_interval", 0),
}
