"""Videos and cameras -> frames, through OpenCV."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.errors import DeviceError, DeviceGoneError, ImageError, MissingDependencyError

READ_ENDINGS = frozenset(
    {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv", ".3gp"}
)
_CAMERA = re.compile(r"camera:(\d+)")
_USUAL_RATE = 25.0  # frames a second, where a video or a camera does not say


@dataclass(frozen=True)
class Frame:
    """One picture of a video or a camera.

    Args:
        number: Counted from 0 in its stream.
        seconds: From the stream's beginning.
        pixels: RGB uint8 ``(H, W, 3)``.
    """

    number: int
    seconds: float
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Stream:
    """A video or a camera that has been opened.

    Args:
        name: The path, or "camera:0".
        rate: Frames a second, as it says itself.
        total: How many frames it says to have, 0 where that is unknown.
        live: Whether it is a camera.
        frames: To be read once.
    """

    name: str
    rate: float
    total: int
    live: bool
    frames: Iterator[Frame]


def camera_number(source: Path) -> int | None:
    """Return the number in "camera:0", None for anything else.

    Example:
        >>> camera_number(Path("camera:1"))
        1
    """
    match = _CAMERA.fullmatch(str(source))
    return int(match[1]) if match else None


def is_stream(source: Path) -> bool:
    """Tell whether a source is a camera, or a file named as videos are."""
    return camera_number(source) is not None or source.suffix.lower() in READ_ENDINGS


@contextmanager
def opened_stream(source: Path) -> Iterator[Stream]:
    """Open a video file or a camera.

    Raises:
        ImageError: The file does not exist, or no video can be read from it.
        DeviceError: No such camera answers; DeviceGoneError from the frames when it goes.
        MissingDependencyError: OpenCV does not work.
    """
    number = camera_number(source)
    if number is None and not source.is_file():
        raise ImageError(f"{source}: does not exist", hint="give a video, images, or camera:0")
    cv2 = import_opencv()
    capture = cv2.VideoCapture(str(source) if number is None else number)
    try:
        if not capture.isOpened():
            raise _unreadable(source, number)
        rate = capture.get(cv2.CAP_PROP_FPS)
        rate = float(rate) if 0 < rate < 1000 else _USUAL_RATE
        if number is not None:
            with _NewestFrame(capture) as newest:
                yield Stream(str(source), rate, 0, True, _camera_frames(cv2, newest, source))
        else:
            total = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
            frames = _file_frames(cv2, capture, source, rate)
            yield Stream(str(source), rate, total, False, frames)
    finally:
        capture.release()


def _unreadable(source: Path, number: int | None) -> ImageError | DeviceError:
    if number is None:
        return ImageError(
            f"{source}: is no video that can be read",
            hint="replace it by an intact copy, or convert it to MP4",
        )
    return DeviceError(
        f"{source}: no camera answers there",
        hint="plug one in, end the program that uses it, or give another number: camera:1",
    )


def _file_frames(cv2: Any, capture: Any, source: Path, rate: float) -> Iterator[Frame]:
    number, before = 0, -1.0
    while True:
        there, pixels = capture.read()
        if not there:
            break
        seconds = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if seconds <= before:  # some containers have no time stamps
            seconds = number / rate
        before = seconds
        yield Frame(number, seconds, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
        number += 1
    if not number:
        raise _unreadable(source, None)


def _camera_frames(cv2: Any, newest: _NewestFrame, source: Path) -> Iterator[Frame]:
    begin, number = time.monotonic(), 0
    while True:
        pixels = newest.take()
        if pixels is None:
            if not number:
                raise _unreadable(source, camera_number(source))
            raise DeviceGoneError(
                f"{source}: gives no more pictures, after {number}", hint="plug the camera in again"
            )
        yield Frame(number, time.monotonic() - begin, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
        number += 1


class _NewestFrame:
    """Reads a camera without pause and keeps its newest frame, so that none is out of date."""

    def __init__(self, capture: Any) -> None:
        self._capture = capture
        self._changed = threading.Condition()
        self._newest: Any = None
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)

    def __enter__(self) -> _NewestFrame:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended = True
        self._thread.join(timeout=2)

    def take(self) -> Any:
        """Wait for a frame that was not taken before; None when the camera has gone."""
        with self._changed:
            while self._newest is None and not self._ended:
                self._changed.wait()
            frame, self._newest = self._newest, None
            return frame

    def _read(self) -> None:
        there = True
        while there and not self._ended:
            there, frame = self._capture.read()
            with self._changed:
                if there:
                    self._newest = frame
                else:
                    self._ended = True
                self._changed.notify_all()


def import_opencv() -> Any:
    """Return OpenCV's module.

    Raises:
        MissingDependencyError: It is not installed or does not load.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError(
            f"OpenCV cannot be imported: {error}", hint="pip install opencv-python-headless"
        ) from error
    return cv2
