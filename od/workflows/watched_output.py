"""Where drawn frames go: one video, or a folder of pictures, or nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from od.detect.video import Frame, Stream
from od.detect.video_file import WRITE_ENDINGS, VideoFile
from od.errors import OutputError
from od.outputs import refuse_foreign, whole_folder, write_od_json

KIND = "detections"


class Sink(Protocol):
    """Takes drawn frames.

    Args:
        draws: Whether it wants any.
    """

    draws: bool

    def take(
        self, stream: Stream, frame: Frame, drawn: NDArray[np.uint8], seen: dict[str, Any]
    ) -> None:
        """Write a frame; ``seen`` is what was found in it, as JSON has it."""


def check_save(save: Path | None, streams: Sequence[Path]) -> None:
    """Refuse what cannot be written, before the slow work begins.

    Args:
        save: A video's name, or a folder.
        streams: What is looked at.

    Raises:
        OutputError: Something else stands there, or several streams are to be one video.
    """
    if save is None:
        return
    if not is_video(save):
        refuse_foreign(save, KIND)
        return
    if len(streams) > 1:
        raise OutputError(
            f"{save}: is one video, expected a folder for {len(streams)} of them",
            hint="save pictures into a folder, or look at one video at a time",
        )
    if save.exists():
        raise OutputError(
            f"{save}: is there already", hint="choose another name, or remove it by hand"
        )


def is_video(save: Path) -> bool:
    """Tell whether a name is a video's; all others are folders."""
    return save.suffix.lower() in WRITE_ENDINGS and not save.is_dir()


@contextmanager
def opened_sink(save: Path | None, first: Stream, facts: dict[str, Any]) -> Iterator[Sink]:
    """Give what takes the frames; what it wrote is whole when the block ends.

    Args:
        save: A video's name, or a folder; None: nowhere.
        first: The first stream; its rate is the video's.
        facts: For the folder's ``od.json``.

    Raises:
        OutputError: It cannot be written.
    """
    if save is None:
        yield _Nowhere()
    elif is_video(save):
        with VideoFile(save, first.rate) as file:
            yield _Video(file)
    else:
        with whole_folder(save) as folder:
            with (folder / "detections.jsonl").open("w", encoding="utf-8") as lines:
                yield _Pictures(folder, lines)
            write_od_json(folder, KIND, facts)


class _Nowhere:
    draws = False

    def take(
        self, stream: Stream, frame: Frame, drawn: NDArray[np.uint8], seen: dict[str, Any]
    ) -> None:
        """Forget it."""


class _Video:
    draws = True

    def __init__(self, file: VideoFile) -> None:
        self._file = file

    def take(
        self, stream: Stream, frame: Frame, drawn: NDArray[np.uint8], seen: dict[str, Any]
    ) -> None:
        """Append it; a camera's at its time."""
        self._file.write(drawn, frame.seconds if stream.live else None)


class _Pictures:
    draws = True

    def __init__(self, folder: Path, lines: Any) -> None:
        self._folder, self._lines = folder, lines
        self._names: dict[str, str] = {}

    def take(
        self, stream: Stream, frame: Frame, drawn: NDArray[np.uint8], seen: dict[str, Any]
    ) -> None:
        """Write a JPEG and a line of JSON."""
        from od.images import encode_jpeg

        picture = f"{self._name_of(stream)}-{frame.number:06d}.jpg"
        (self._folder / picture).write_bytes(encode_jpeg(drawn))
        self._lines.write(json.dumps({"picture": picture, **seen}, ensure_ascii=False) + "\n")

    def _name_of(self, stream: Stream) -> str:
        """Return the stream's name as a file's, numbered where two have the same."""
        if stream.name not in self._names:
            plain = Path(stream.name).stem.replace(":", "-")
            taken = {name.casefold() for name in self._names.values()}
            name, number = plain, 1
            while name.casefold() in taken:
                number += 1
                name = f"{plain}-{number}"
            self._names[stream.name] = name
        return self._names[stream.name]
