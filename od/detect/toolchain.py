"""The process that runs the sticks' OpenVINO, opened for detection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from od.errors import ExportError

if TYPE_CHECKING:
    from od.myriad.worker import ToolchainWorker


def new_worker() -> ToolchainWorker:
    """Start a process of the toolchain's Python; whoever asks for it closes it.

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
    return ToolchainWorker(toolchain).__enter__()
