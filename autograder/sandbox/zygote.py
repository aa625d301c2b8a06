"""The process that jobs are forked from: imports once, locks itself up, then forks on demand.

    grader --(exec)--> zygote --(fork)--> one server per worker slot --(fork)--> job, one per submission

It holds no tests, no references and no submissions: a job receives its cells over its own socket. Everything here is
single-threaded, because a fork copies only the thread that calls it.

Control messages are small JSON packets on a seqpacket socket; descriptors ride along. Grader to zygote: ``slot`` with
the socket of a new slot. Grader to slot: ``job`` with the job's two descriptors, ``kill``. Slot to grader: ``serving``
once and ``forked`` per job, each with a pidfd (and the pid), ``ended`` with status and resource usage.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.sandbox import jail
from autograder.sandbox.devices import Reach
from autograder.sandbox.limits import OUT_OF_MEMORY_EXIT, Limits
from autograder.sandbox.warm import ENVIRONMENT, load, warm_up

if TYPE_CHECKING:
    from autograder.sandbox.job import Desk

MAX_PACKET = 64 * 1024


def send_packet(control: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    """One control message with descriptors."""
    data = json.dumps(message).encode()
    socket.send_fds(control, [data], list(fds)) if fds else control.send(data)


def receive_packet(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next control message, or None when the other side is gone."""
    try:
        data, fds, _, _ = socket.recv_fds(control, MAX_PACKET, 4)
    except ConnectionError:
        return None
    return (json.loads(data), fds) if data else None


def main() -> None:
    """Start-up in the order that the layers demand; see `autograder.sandbox.jail`."""
    control = socket.socket(fileno=int(sys.argv[1]))
    _offer_first()
    gc.disable()
    try:
        load(sys.argv[2:])
        _refuse_unsafe_fork()
        packet = receive_packet(control)
        if packet is None:
            os._exit(0)  # nobody needs it
        config = packet[0]
        active, reach = frozenset(config["active"]), Reach.of_document(config["reach"])
        before = jail.early(active)
        if config["many"]:
            gc.enable()  # half a second of looking through modules that all stay, for some megabytes less
        loaded = warm_up(tuple(config["preload"]), many=config["many"])
        _refuse_unsafe_fork()
        _forget_environment({*ENVIRONMENT, *reach.environment})
        trees = [*config["trees"], *_driver_folders(reach)]
        state = jail.confine_zygote(active, before, trees=trees, private=config["private"], reach=reach)
        limits = Limits(**config["limits"])
        from autograder.sandbox import job

        desk = job.make_desk(output_limit=limits.output_kib * 1024, seed=config["seed"], reach=reach)
    except BaseException as error:
        send_packet(control, {"is": "failed", "message": f"{type(error).__name__}: {error}"[:4000]})
        os._exit(1)
    gc.enable()
    gc.freeze()  # children then share these pages instead of copying them at their first collection
    send_packet(control, {"is": "ready", "loaded": loaded, "vm_size_bytes": state.vm_size_bytes})
    _serve_slots(control, active, state, limits, config, desk)
    os._exit(0)


def _offer_first() -> None:
    """Where the whole machine runs out of memory, the kernel is to end a job or its zygote, and never the grader."""
    with contextlib.suppress(OSError):  # no such file outside Linux, or no proc
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _forget_environment(kept: Set[str]) -> None:
    """Keep only what changes how libraries behave; the rest of the operator's environment is nobody's business."""
    for name in set(os.environ) - kept:
        del os.environ[name]


def _driver_folders(reach: Reach) -> list[str]:
    """Load the driver of an accelerator while its file can be found; returns the folders of what it consists of.

    Loading touches no device, and jobs have it then; the rest of it is loaded by them, from the same folders.
    """
    found = set()
    for name in reach.libraries:
        with contextlib.suppress(OSError):  # jobs will say what is missing
            ctypes.CDLL(name)
            maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
            paths = [line.split(maxsplit=5)[5] for line in maps if f"/{name.partition('.so')[0]}.so" in line]
            found |= {os.path.dirname(path) for path in paths}  # noqa: PTH120  # a path of the kernel's
    return sorted(found)


def _refuse_unsafe_fork() -> None:
    """Forking a process with threads, or with an initialised accelerator, gives children that hang."""
    threads = Path("/proc/self/task")
    if threads.is_dir() and len(list(threads.iterdir())) != 1:
        raise RuntimeError(f"the zygote has {len(list(threads.iterdir()))} threads before its first fork")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise RuntimeError("CUDA was initialised before the first fork")


def _serve_slots(
    control: socket.socket,
    active: frozenset[str],
    state: jail.JailState,
    limits: Limits,
    config: dict[str, Any],
    desk: Desk,
) -> None:
    """Fork one server per slot until the grader closes the control socket."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended servers are reaped by the kernel
    number = -1
    while (packet := receive_packet(control)) is not None:
        (slot_fd,) = packet[1]
        number += 1
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            with socket.socket(fileno=slot_fd) as slot:
                _serve_jobs(slot, active, jail.enter_slot(active, state, number), limits, config, desk)
            os._exit(0)
        os.close(slot_fd)


def _serve_jobs(
    slot: socket.socket,
    active: frozenset[str],
    state: jail.JailState,
    limits: Limits,
    config: dict[str, Any],
    desk: Desk,
) -> None:
    """Fork one job at a time, tell the grader, wait for its end."""
    use_pidfd = "pidfd" in active
    me = (os.pidfd_open(os.getpid()),) if use_pidfd else ()
    send_packet(slot, {"is": "serving", "pid": os.getpid()}, me)
    for fd in me:
        os.close(fd)
    while (packet := receive_packet(slot)) is not None:
        message, fds = packet
        if message["do"] != "job":
            continue  # a "kill" that crossed with the end of its job
        pid = jail.fork_job(state)
        if pid == 0:
            _become_job(fds, active, state, limits, config, desk, message)
        for fd in fds:
            os.close(fd)
        pidfd = os.pidfd_open(pid) if use_pidfd else None
        send_packet(slot, {"is": "forked", "pid": pid}, () if pidfd is None else (pidfd,))
        status, usage = _wait(pid, pidfd, slot)
        if pidfd is not None:
            os.close(pidfd)
        send_packet(
            slot,
            {
                "is": "ended",
                "status": os.waitstatus_to_exitcode(status),
                "cpu_s": usage.ru_utime + usage.ru_stime,
                "max_rss_kib": usage.ru_maxrss,
            },
        )


def _wait(pid: int, pidfd: int | None, slot: socket.socket) -> tuple[int, Any]:
    """Wait for a job's end; without a pidfd the grader cannot kill it safely, so a ``kill`` arrives here."""
    if pidfd is not None:
        return os.wait4(pid, 0)[1:]
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return status, usage
        if select.select([slot], [], [], 0.005)[0]:
            packet = receive_packet(slot)
            if packet is None or packet[0].get("do") == "kill":
                os.kill(pid, signal.SIGKILL)
                return os.wait4(pid, 0)[1:]


def _become_job(
    fds: list[int],
    active: frozenset[str],
    state: jail.JailState,
    limits: Limits,
    config: dict[str, Any],
    desk: Desk,
    message: dict[str, Any],
) -> None:
    """Confine this process for good and serve; never returns."""
    channel_fd, output_fd = fds
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        from autograder.sandbox import job, wire  # imported by warm_up: their files are out of reach by now

        try:
            jail.confine_job(
                active,
                limits,
                state,
                keep_fds=[channel_fd],
                cpu_s=message["cpu_s"],
                name=message["name"],
            )
            serve = job.prepare(job.Channel(channel_fd, channel_fd), desk)
        except BaseException as error:
            os.write(channel_fd, wire.encode({"is": "broken", "message": f"{type(error).__name__}: {error}"[:4000]}))
            os._exit(1)
        try:
            serve()
        except MemoryError:
            os._exit(OUT_OF_MEMORY_EXIT)
        os._exit(0)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
