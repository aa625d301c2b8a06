"""Every table can also be graded on a lesser host: `pytest tests/hostile --without namespaces`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograder.sandbox import layers

#: What a container without the right to make namespaces lacks.
NAMESPACES = frozenset(f"{kind}-namespace" for kind in ("user", "pid", "network", "ipc", "uts")) | frozenset(
    ["read-only-root", "scratch-quota"]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without", choices=["namespaces"], help="layers that the sandbox has to do without")


@pytest.fixture(scope="session", autouse=True)
def lesser_host(request: pytest.FixtureRequest) -> Iterator[None]:
    """Sandboxes of this process find no namespaces, where that was asked for."""
    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--without"):
            probe = layers.probe_layers
            patch.setattr(layers, "probe_layers", lambda without=frozenset(): probe(without | NAMESPACES))
        yield
