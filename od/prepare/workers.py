"""A function called in several processes, results in order, with bounded memory.

Not ``concurrent.futures``: its workers wait forever when the parent is killed, and import
the caller's main module.  Here every worker holds one end of a socket: the parent's death
closes it and the worker ends, a worker's death is seen by the parent at once.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any

from od.errors import OdError

# What a worker runs. The parent's sys.path comes first, so that it imports the same od.
_START = """
import sys
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
sys.path[:] = connection.recv()
from od.prepare.workers import serve
serve(connection)
"""
_AHEAD = 2  # tasks that a worker has: one in hand, one waiting, so that it never idles


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def serve(connection: Connection) -> None:
    """Answer tasks until the parent closes its end; what runs in a worker."""
    tasks: SimpleQueue[Any] = SimpleQueue()

    def receive() -> None:
        # A thread of its own: were tasks left unread while a large result is being sent,
        # parent and worker could wait for one another.
        with suppress(EOFError, OSError):
            while True:
                tasks.put(connection.recv())
        os._exit(0)

    # What a worker makes lives for one task and has no cycles: looking for some takes a
    # tenth of its time.
    gc.freeze()
    gc.set_threshold(100_000)
    threading.Thread(target=receive, daemon=True).start()
    while True:
        number, function, argument = tasks.get()
        try:
            result: Any = (number, function(argument), None)
        except Exception:
            result = (number, None, traceback.format_exc())
        connection.send(result)


class _Worker:
    """One process and the parent's end of the socket to it."""

    def __init__(self) -> None:
        self.connection, other = Pipe()
        # NumPy's thread pool would cost memory for nothing.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START, str(other.fileno())],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
                process_group=0,  # Ctrl-C is for the parent, which then ends the workers
            )
        finally:
            other.close()
        self.tasks = 0
        self.send(sys.path)

    def send(self, content: Any) -> None:
        try:
            self.connection.send(content)
        except OSError as error:
            raise self.death() from error

    def receive(self) -> Any:
        try:
            return self.connection.recv()
        except (EOFError, OSError) as error:
            raise self.death() from error

    def death(self) -> OdError:
        code = self.process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return OdError(
            f"a worker process {how}; nothing was written",
            hint="memory may have run out: try --workers 1, or --max-side 2048",
        )

    def close(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.wait()


class Workers:
    """A pool of processes; use it as a context manager. One worker means no process at all.

    Args:
        count: Processes.
    """

    def __init__(self, count: int) -> None:
        self._workers: list[_Worker] = []
        self._count = count if count > 1 else 0

    def __enter__(self) -> Workers:
        try:
            for _ in range(self._count):
                self._workers.append(_Worker())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        for worker in self._workers:
            worker.close()
        self._workers.clear()

    def map(self, function: Callable[[Any], Any], arguments: Iterable[Any]) -> Iterator[Any]:
        """Yield ``function(argument)`` in the order of the arguments.

        Only a few arguments per worker are under way, so memory stays flat.

        Raises:
            OdError: A worker was killed.
            RuntimeError: The function raised; its traceback is quoted.
        """
        if not self._workers:
            yield from map(function, arguments)
            return
        tasks = enumerate(arguments)
        results: dict[int, Any] = {}
        wanted = 0
        while True:
            self._hand_out(function, tasks, room=2 * _AHEAD * len(self._workers) - len(results))
            if not any(worker.tasks for worker in self._workers):
                return
            self._collect(results)
            while wanted in results:
                yield results.pop(wanted)
                wanted += 1

    def _hand_out(
        self, function: Callable[[Any], Any], tasks: Iterator[tuple[int, Any]], room: int
    ) -> None:
        room -= sum(worker.tasks for worker in self._workers)
        while room > 0:
            worker = min(self._workers, key=lambda w: w.tasks)
            if worker.tasks >= _AHEAD:
                return
            try:
                number, argument = next(tasks)
            except StopIteration:
                return
            worker.send((number, function, argument))
            worker.tasks += 1
            room -= 1

    def _collect(self, results: dict[int, Any]) -> None:
        ready = wait([worker.connection for worker in self._workers])
        for worker in self._workers:
            if worker.connection in ready:
                number, result, failure = worker.receive()
                worker.tasks -= 1
                if failure is not None:
                    raise RuntimeError(f"in a worker process:\n{failure}")
                results[number] = result
