"""Jobs in interpreters of their own, for platforms that cannot fork (macOS, Windows): single use, slow, no layers."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from autograder.sandbox.conversation import End, Job, Usage

if TYPE_CHECKING:
    from autograder.sandbox.host import Sandbox


class SpawnSlot:
    """Starts a fresh interpreter for each job."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    @contextlib.contextmanager
    def job(self, budget_s: float) -> Iterator[Job]:
        sandbox = self._sandbox
        with sandbox.turn:
            reach = json.dumps(sandbox.reach.to_document())
            arguments = [str(sandbox.limits.output_kib * 1024), str(sandbox.seed), reach, *sandbox.preload]
            process = subprocess.Popen(
                [sys.executable, "-s", "-m", "autograder.sandbox.job", *arguments],
                env=sandbox.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            channel, theirs = socket.socketpair()
            output, their_output = socket.socketpair()
            assert process.stdin is not None  # pipes, as asked for
            assert process.stdout is not None
            assert process.stderr is not None
            for pump, end, pipe in (
                (_pipe_to_socket, theirs.dup(), process.stdout),
                (_pipe_to_socket, their_output, process.stderr),
                (_socket_to_pipe, theirs, process.stdin),
            ):
                threading.Thread(target=pump, args=(end, pipe), daemon=True).start()
            accelerator = sandbox.reach.is_accelerator
            job = Job(SpawnedProcess(process), channel, output, sandbox.limits, budget_s, accelerator=accelerator)
            try:
                yield job
            finally:
                job.close()
                process.wait()

    def close(self) -> None:
        return None


def _pipe_to_socket(end: socket.socket, pipe: Any) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := os.read(pipe.fileno(), 2**16):
            end.sendall(data)
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_WR)
    end.close()
    pipe.close()


def _socket_to_pipe(end: socket.socket, pipe: Any) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := end.recv(2**16):
            pipe.write(data)
            pipe.flush()
    with contextlib.suppress(OSError):
        pipe.close()
    end.close()


class SpawnedProcess:
    """A job in an interpreter of its own, where forking is not possible; pumps make its pipes look like sockets."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> End:
        return End(self._process.wait(), 0.0, 0)

    def usage(self) -> Usage:
        return Usage()

    def out_of_memory(self) -> bool:
        return False
