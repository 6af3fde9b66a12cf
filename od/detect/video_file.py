"""Drawn frames -> a video that is whole whenever it ends; OpenCV does the codecs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from od.detect.video import import_opencv
from od.errors import OutputError
from od.outputs import output_error, sync

# What every build of OpenCV's wheel encodes by itself.
_CODECS = {".avi": "MJPG", ".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".mkv": "mp4v"}
WRITE_ENDINGS = frozenset(_CODECS)
_LONGEST_GAP = 10.0  # seconds of a camera's silence for which a frame is repeated


class VideoFile:
    """A video that is whole when the block ends, also by Ctrl-C or an error.

    Args:
        path: Its ending says the format; see ``WRITE_ENDINGS``.
        rate: Frames a second.

    Raises:
        OutputError: It cannot be written, or the format is unknown.
        MissingDependencyError: OpenCV does not work.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, rate
        self._aside = path.with_name(f".{path.stem}.od-tmp{path.suffix}")
        self._writer: Any = None
        self._size = (0, 0)
        self.written = 0
        if path.suffix.lower() not in _CODECS:
            raise OutputError(
                f"{path}: '{path.suffix}' is no video that can be written, expected one of"
                f" {', '.join(sorted(_CODECS))}",
                hint="choose one of them; a name without an ending is a folder for pictures",
            )

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._publish()

    def write(self, pixels: NDArray[np.uint8], seconds: float | None = None) -> None:
        """Append a frame.

        Args:
            pixels: RGB ``(H, W, 3)``; the first one's size is the video's.
            seconds: Since the beginning: a frame is repeated or left out so that a camera's
                video is as long as what it shows. None: one frame after the other.
        """
        cv2 = import_opencv()
        if self._writer is None:
            self._open(cv2, pixels)
        until = self.written + 1
        if seconds is not None:
            until = min(
                round(seconds * self._rate) + 1, self.written + int(_LONGEST_GAP * self._rate)
            )
        height, width = pixels.shape[:2]
        # Codecs halve the colours' resolution: they want even sides, and OpenCV cuts odd ones.
        even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = cv2.cvtColor(even, cv2.COLOR_RGB2BGR)
        if picture.shape[1::-1] != self._size:
            picture = cv2.resize(picture, self._size)
        for _ in range(self.written, until):
            self._writer.write(picture)
            self.written += 1

    def _open(self, cv2: Any, pixels: NDArray[np.uint8]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._aside.write_bytes(b"")  # says why, where OpenCV would only fail
        except OSError as error:
            raise output_error(self._path, error) from error
        height, width = pixels.shape[:2]
        self._size = (width + width % 2, height + height % 2)
        code = cv2.VideoWriter_fourcc(*_CODECS[self._path.suffix.lower()])
        writer = cv2.VideoWriter(str(self._aside), code, self._rate, self._size)
        if not writer.isOpened():
            self._aside.unlink(missing_ok=True)
            raise OutputError(
                f"{self._path}: OpenCV cannot write a video here",
                hint="choose a name that ends in .avi, or a folder for pictures",
            )
        self._writer = writer

    def _publish(self) -> None:
        """Finish the file, see that all frames are in it, and give it its name."""
        self._writer.release()
        there = self._frames_there()
        if there != self.written:
            with suppress(OSError):
                self._aside.unlink()
            raise OutputError(
                f"{self._path}: cannot be written: only {there} of {self.written} frames are in it",
                hint="free some space on that disk and run the command again",
            )
        try:
            sync(self._aside)
            self._aside.replace(self._path)
        except OSError as error:
            raise output_error(self._path, error) from error

    def _frames_there(self) -> int:
        cv2 = import_opencv()
        capture = cv2.VideoCapture(str(self._aside))
        try:
            return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))) if capture.isOpened() else 0
        finally:
            capture.release()
