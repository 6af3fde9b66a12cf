"""What od asks of OpenVINO 2021.4.2: which layers a stick runs, blobs, running an IR."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.errors import DeviceError, DeviceGoneError, ExportError, OdError
from od.myriad.blob import check_shaves
from od.myriad.frames import SharedFrames
from od.myriad.process import ProcessEnded, Refusal, WorkerProcess
from od.myriad.toolchain import VERSION, Toolchain
from od.outputs import output_error

SCRIPT = Path(__file__).with_name("stick_worker.py")
# Seconds.  Each is many times what was seen: a start 1, a query 0.3, a blob of the largest
# SSD 60, one inference below 1.
_START, _QUERY, _COMPILE, _LOAD, _INFER = 120.0, 120.0, 1200.0, 600.0, 60.0


class ToolchainWorker:
    """A context manager around one process; not for two threads at once.

    Args:
        toolchain: As ``find_toolchain`` returns it.
        timeout: Seconds for every answer, None for a usual one of each.
    """

    def __init__(self, toolchain: Toolchain, *, timeout: float | None = None) -> None:
        self._toolchain = toolchain
        self._timeout = timeout
        self._process: WorkerProcess | None = None
        self._shared: SharedFrames | None = None
        self._model = Path()
        self._device = ""

    def __enter__(self) -> ToolchainWorker:
        """Start the process.

        Raises:
            ExportError: It does not start.
        """
        self._process = WorkerProcess(self._toolchain, SCRIPT, timeout=self._timeout or _START)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; whatever it was doing is lost."""
        if self._process is not None:
            self._process.end()
            self._process = None
        self._release()

    @property
    def version(self) -> str:
        """OpenVINO's own full version."""
        return str(self._running.ready["version"])

    def unsupported_layers(self, xml: Path) -> tuple[tuple[str, str], ...]:
        """Return (name, type) of each layer that a stick cannot run.

        The plugin's own answer names some layers that it does run, after taking them apart
        (a Subtract or Divide of two tensors): where it names any, its compiler is asked.

        Raises:
            ExportError: The IR cannot be read, or the process failed.
        """
        answer = self._ask("query", _QUERY, xml, xml=_absolute(xml))
        named = tuple((str(name), str(kind)) for name, kind in answer["unsupported"])
        return () if named and self._compiles(xml) else named

    def compile_blob(self, xml: Path, output: Path, *, chip: str, shaves: int) -> dict[str, Any]:
        """Compile an IR for a chip, with no stick needed; write the blob.

        Args:
            xml: The IR; its input becomes U8, its output FP16.
            output: The file to write.
            chip: "myriad2" or "myriadx".
            shaves: How many of the chip's cores to use.

        Returns:
            "seconds", "config" (the plugin's settings), "header" (the plugin's own first
            line) and "said" (what it complained about after it had compiled).

        Raises:
            ExportError: The compiler refuses the model; its reason is quoted.
            OutputError: The blob cannot be written.
        """
        check_shaves(chip, shaves)
        try:
            with TemporaryDirectory(prefix=".blob-", dir=output.parent) as cache:
                return self._ask(
                    "compile",
                    _COMPILE,
                    xml,
                    refused=f"refuses to compile it for {chip} with {shaves} shaves",
                    xml=_absolute(xml),
                    output=_absolute(output),
                    cache=_absolute(Path(cache)),
                    chip=chip,
                    shaves=shaves,
                )
        except OSError as error:
            raise output_error(output, error) from error

    def _compiles(self, xml: Path) -> bool:
        with TemporaryDirectory(prefix="od-blob-") as folder:
            try:
                self.compile_blob(xml, Path(folder, "model.blob"), chip="myriadx", shaves=6)
            except ProcessEnded:
                raise
            except ExportError:
                return False
        return True

    def devices(self) -> tuple[str, ...]:
        """Return the devices that are there now, "CPU" and "MYRIAD.1.2-ma2480" for example."""
        return tuple(self._ask("devices", _QUERY, self._toolchain.folder)["devices"])

    def load(self, model: Path, *, device: str = "CPU", requests: int = 1) -> None:
        """Load an IR on a device, in place of the one before.

        Args:
            model: ``model.xml``, with one uint8 input and one output of rows of 7.
            device: As ``devices`` names it.
            requests: How many can be in flight.

        Raises:
            ExportError: The IR cannot be read, or the device's plugin refuses it.
            DeviceError: The device is not there or does not start.
        """
        self._release()
        self._model, self._device = model, device
        answer = self._ask(
            "load", _LOAD, model, model=_absolute(model), device=device, requests=requests
        )
        try:
            self._shared = SharedFrames(requests, answer["input"], answer["output"])
        except OSError as error:
            raise output_error(Path("/dev/shm"), error) from error
        path, shapes = str(self._shared.path), [answer["input"], answer["output"]]
        self._ask("attach", _QUERY, model, path=path, shapes=shapes)
        self._shared.unlink()

    def infer(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run one frame.

        Args:
            frame: (1, 3, H, W), as the model was loaded.

        Returns:
            (N, 7): image_id, label, score, xmin, ymin, xmax, ymax.

        Raises:
            DeviceGoneError: The stick is gone.
            ExportError: The process failed.
        """
        self._put(0, frame)
        self._ask("infer", _INFER, self._model)
        return self._taken(0)

    def start(self, request: int, frame: NDArray[np.uint8]) -> None:
        """Start a request that is not in flight, from 0 to ``requests`` - 1; see ``infer``."""
        self._put(request, frame)
        self._ask("start", _INFER, self._model, request=request)

    def wait(self) -> tuple[int, NDArray[np.float32]]:
        """Wait for any request in flight; return its number and its rows, see ``infer``."""
        request = int(self._ask("wait", _INFER, self._model)["request"])
        return request, self._taken(request)

    @property
    def _running(self) -> WorkerProcess:
        if self._process is None:
            raise RuntimeError("the worker is not started: use it in a with statement")
        return self._process

    def _put(self, request: int, frame: NDArray[np.uint8]) -> None:
        if self._shared is None:
            raise RuntimeError("no model is loaded")
        room = self._shared.frames[request]
        if frame.shape != room.shape or frame.dtype != np.uint8:
            raise ValueError(
                f"{self._model}: a frame of {frame.dtype} {frame.shape}, "
                f"expected uint8 {room.shape}"
            )
        room[:] = frame

    def _taken(self, request: int) -> NDArray[np.float32]:
        assert self._shared is not None
        return self._shared.results[request].reshape(-1, 7).copy()

    def _release(self) -> None:
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    def _ask(
        self,
        command: str,
        timeout: float,
        subject: Path,
        refused: str = "fails with it",
        **arguments: Any,
    ) -> dict[str, Any]:
        if "xml" in arguments or "model" in arguments:
            _check_files(subject)
        on_stick = command in ("load", "infer", "start", "wait") and self._device != "CPU"
        try:
            return self._running.ask(command, timeout=self._timeout or timeout, **arguments)
        except Refusal as error:
            raise self._our_error(error, subject, refused) from error
        except ProcessEnded as error:
            if on_stick:  # a stick that is pulled out may take the process with it
                raise DeviceGoneError(
                    f"{self._device}: no longer answers: {error}",
                    hint="plug the stick in again, best without a hub",
                ) from error
            raise

    def _our_error(self, error: Refusal, subject: Path, refused: str) -> OdError | OSError:
        if error.kind == "gone":
            kind = DeviceError if self._shared is None else DeviceGoneError
            return kind(
                f"{self._device}: no stick answers: {error.words}",
                hint="plug the stick in again, and see od doctor",
            )
        if error.kind == "system":
            return OSError(error.errno or 0, error.words)
        if error.kind == "unreadable":
            return ExportError(
                f"{subject}: OpenVINO {VERSION} cannot read it: {error.words}",
                hint="export the model again",
            )
        return ExportError(
            f"{subject}: OpenVINO {VERSION} {refused}: {error.words}",
            hint="a smaller input or another SSD model may pass; --target openvino takes any",
        )


def _check_files(xml: Path) -> None:
    """Refuse what is half there: without its weights this OpenVINO crashes."""
    for file in (xml, xml.with_suffix(".bin")):
        if not file.is_file():
            raise ExportError(f"{file}: is not there", hint="export the model again")


def _absolute(path: Path) -> str:
    return str(path.absolute())
