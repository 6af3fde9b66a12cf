"""What a stick looks like to those who share frames over several, and what can play one.

A device holds a few requests.  A frame is put into a free one; whichever is done first comes
back first.  Any call may find that the device has gone.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from od.errors import DeviceGoneError, ExportError

if TYPE_CHECKING:
    from od.myriad.worker import ToolchainWorker


class Device(Protocol):
    """Works on a few frames at once; one thread speaks to it, only ``close`` may come from others.

    Args:
        name: As its runtime names it: "MYRIAD.1.2-ma2480".
        requests: How many frames it takes at once; they are numbered from 0.
    """

    name: str
    requests: int

    def start(self, request: int, frame: Any) -> None:
        """Submit a frame to a request that is not in flight.

        Raises:
            DeviceBusyError: Not now; it may take the frame a little later.
            DeviceGoneError: It is no longer there; what was in flight is lost.
        """

    def wait(self) -> tuple[int, Any]:
        """Wait for the next finished request; return its number and its result.

        Raises:
            DeviceGoneError: It is no longer there; what was in flight is lost.
        """

    def close(self) -> None:
        """Let go of it; a ``wait`` in another thread ends."""


class ToolchainDevice:
    """A stick, or the CPU, of the toolchain's OpenVINO, behind a process of its own.

    Args:
        worker: With a model loaded on the device.
        name: The device's.
        requests: As many as it was loaded with.
    """

    def __init__(self, worker: ToolchainWorker, name: str, requests: int) -> None:
        self.name, self.requests = name, requests
        self._worker = worker

    def start(self, request: int, frame: NDArray[np.uint8]) -> None:
        """See ``Device``."""
        try:
            self._worker.start(request, frame)
        except ExportError as error:  # its process crashed: the same as being unplugged
            raise DeviceGoneError(str(error), hint=error.hint) from error

    def wait(self) -> tuple[int, NDArray[np.float32]]:
        """See ``Device``."""
        try:
            return self._worker.wait()
        except ExportError as error:
            raise DeviceGoneError(str(error), hint=error.hint) from error

    def close(self) -> None:
        """See ``Device``."""
        self._worker.close()


class OpenVinoDevice:
    """A model that the current OpenVINO has compiled, in this process.

    Args:
        compiled: OpenVINO's ``CompiledModel`` with one input.
        name: The device's.
        requests: How many to have in flight.
    """

    def __init__(self, compiled: Any, name: str, requests: int) -> None:
        self.name, self.requests = name, requests
        self._done: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._requests = [compiled.create_infer_request() for _ in range(requests)]
        for number, request in enumerate(self._requests):
            request.set_callback(self._done.put, number)

    def start(self, request: int, frame: NDArray[np.uint8]) -> None:
        """See ``Device``."""
        self._requests[request].start_async({0: frame}, share_inputs=True)

    def wait(self) -> tuple[int, Any]:
        """See ``Device``; the result maps OpenVINO's outputs to arrays."""
        number = self._done.get()
        request = self._requests[number]
        request.wait()  # raises what went wrong in it
        return number, {port: array.copy() for port, array in request.results.items()}

    def close(self) -> None:
        """See ``Device``."""
        for request in self._requests:
            request.cancel()


class CallableDevice:
    """A function that takes a frame and returns its result, in threads of this process.

    Args:
        function: Called from ``requests`` threads.
        name: For messages.
        requests: How many frames to work on at once.
    """

    def __init__(self, function: Callable[[Any], Any], name: str, requests: int = 1) -> None:
        self.name, self.requests = name, requests
        self._function = function
        self._threads = ThreadPoolExecutor(requests, thread_name_prefix=name)
        self._done: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()

    def start(self, request: int, frame: Any) -> None:
        """See ``Device``."""
        self._threads.submit(self._run, request, frame)

    def _run(self, request: int, frame: Any) -> None:
        try:
            self._done.put((request, self._function(frame), None))
        except BaseException as error:  # handed over to the thread that waits for it
            self._done.put((request, None, error))

    def wait(self) -> tuple[int, Any]:
        """See ``Device``; raises what the function raised."""
        request, result, error = self._done.get()
        if error is not None:
            raise error
        return request, result

    def close(self) -> None:
        """See ``Device``."""
        self._threads.shutdown(wait=False, cancel_futures=True)
