"""The process that runs a stick's OpenVINO, opened for detection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from od.errors import ExportError

if TYPE_CHECKING:
    from od.myriad.worker import ToolchainWorker


@contextmanager
def started_worker() -> Iterator[ToolchainWorker]:
    """Give a process of the toolchain's Python; it ends with the block.

    Raises:
        ExportError: The toolchain is not there, or its process does not start.
    """
    from od.myriad.toolchain import VERSION, find_toolchain, unsupported_machine
    from od.myriad.worker import ToolchainWorker

    toolchain = find_toolchain()
    if toolchain is None:
        reason = unsupported_machine()
        raise ExportError(
            f"OpenVINO {VERSION}, which sticks need, is not set up here"
            + (f": {reason}" if reason else ""),
            hint="use --device CPU on this machine"
            if reason
            else "set it up with od doctor --setup-myriad, or use --device CPU",
        )
    with ToolchainWorker(toolchain) as worker:
        yield worker
