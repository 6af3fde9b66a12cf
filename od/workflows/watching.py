"""Look at videos and cameras: drawn, shown, spoken and told frame by frame."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from od.detect.appearances import Appearances
from od.detect.live import Display
from od.detect.sharing import Say, say_nothing
from od.detect.speech import Speaker
from od.detect.step import detect_each
from od.detect.sticks import SharedDetector
from od.detect.video import Frame, Stream, opened_stream
from od.drawing import draw_detections
from od.errors import DeviceGoneError
from od.structures.artifacts import Detector
from od.structures.detections import Detections
from od.structures.label_map import LabelMap
from od.structures.progress import Progress, silent
from od.workflows.opening import at_work, check_model, open_model
from od.workflows.watched_output import Sink, check_save, opened_sink


@dataclass(frozen=True)
class SeenFrame:
    """What was found in one frame.

    Args:
        stream: The video's path, or "camera:0".
        number: Counted from 0 in its stream.
        seconds: From the stream's beginning.
        time: When it was taken, in seconds since 1970, of a camera; None of a video.
        size: Width and height in pixels.
        objects: ``(class id, name, score, corners in pixels)``, best first.
    """

    stream: str
    number: int
    seconds: float
    time: float | None
    size: tuple[int, int]
    objects: tuple[tuple[int, str, float, tuple[float, ...]], ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as one JSON object, as the script in an export for sticks prints it."""
        return {
            "source": self.stream,
            "frame": self.number,
            "seconds": round(self.seconds, 3),
            **({"time": round(self.time, 3)} if self.time else {}),
            "width": self.size[0],
            "height": self.size[1],
            "objects": [
                {
                    "class": name,
                    "class_id": class_id,
                    "score": round(score, 5),
                    "box": [round(value, 2) for value in box],
                }
                for class_id, name, score, box in self.objects
            ],
        }


@dataclass(frozen=True)
class WatchedStream:
    """What was seen in one stream.

    Args:
        name: The video's path, or "camera:0".
        frames: How many were looked at.
        seconds: The last frame's time in the stream.
        classes: ``(name, frames with it, most at once)`` for each class that was seen.
    """

    name: str
    frames: int
    seconds: float
    classes: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Watched:
    """What was seen in all streams, and what was written.

    Args:
        streams: In the order given.
        saved: The video or the folder, None without.
        ended: The error that ended it before its time; all before it was kept.
    """

    streams: tuple[WatchedStream, ...]
    saved: Path | None
    ended: DeviceGoneError | None = None


@dataclass(frozen=True)
class Watching:
    """What to do with each frame.

    Args:
        threshold: Detections with a lower score are left out.
        save: A video's name, or a folder for pictures and ``detections.jsonl``.
        display: Shows each frame.
        speaker: Speaks the names of what appears.
        tell: Given each frame's detections.
        stop: Asked between frames; True ends the looking.
    """

    threshold: float = 0.5
    save: Path | None = None
    display: Display | None = None
    speaker: Speaker | None = None
    tell: Callable[[SeenFrame], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False


def watch_streams(
    model: Path,
    streams: Sequence[Path],
    how: Watching,
    *,
    device: str = "CPU",
    say: Say = say_nothing,
    progress: Progress = silent,
) -> Watched:
    """Run a model over videos or cameras, one after the other.

    Args:
        model: A folder that ``od export`` or ``od finetune`` made.
        streams: As ``od.detect.find_streams`` returns them.
        how: What to do with each frame.
        device: See ``open_model``.
        say: Told of sticks that work or go, and of videos that end early.
        progress: Told after each frame.

    Raises:
        ImageError: A video cannot be read.
        DeviceError: There is no such camera, or no stick.
        ExportError: The model cannot be loaded.
        OutputError: ``how.save`` holds something else, or cannot be written.
    """
    check_model(model)
    check_save(how.save, streams)
    facts = {"model": str(model), "threshold": how.threshold, "sources": [str(s) for s in streams]}
    with ExitStack() as stack:
        first = stack.enter_context(opened_stream(streams[0]))  # before the slow loading
        detector, label_map = open_model(model, device=device)
        stack.enter_context(at_work(detector, model, device, say))
        sink = stack.enter_context(opened_sink(how.save, first, facts))
        watched: list[WatchedStream] = []
        ended: DeviceGoneError | None = None
        for position, path in enumerate(streams):
            with ExitStack() as inner:
                stream = inner.enter_context(opened_stream(path)) if position else first
                looker = _Looker(stream, how, label_map, sink)
                try:
                    stopped = looker.look(detector, say, progress)
                except DeviceGoneError as error:
                    ended, stopped = error, True
                watched.append(looker.watched())
            if stopped:
                break
    return Watched(tuple(watched), how.save, ended)


class _Looker:
    """Goes through one stream and counts what it sees."""

    def __init__(self, stream: Stream, how: Watching, label_map: LabelMap, sink: Sink) -> None:
        self._stream, self._how, self._sink = stream, how, sink
        self._label_map = label_map
        self._names = dict(label_map.items)
        self._appearances = Appearances(how.threshold)
        self._frames_with: Counter[str] = Counter()
        self._most: dict[str, int] = {}
        self._frames = 0
        self._seconds = 0.0

    def look(self, detector: Detector, say: Say, progress: Progress) -> bool:
        """Look at every frame; True when that was to end early."""
        how, stream = self._how, self._stream
        stopped = False
        # A camera's frames do not queue up, so that its picture is not late.
        window = _at_once(detector) if stream.live else None
        frames = ((frame, frame.pixels) for frame in _until(how.stop, stream.frames))
        for frame, _, found in detect_each(detector, frames, window=window, say=say):
            if found is not None:
                stopped = not self._take(frame, found)
            progress(self._frames, stream.total, f"frames of {stream.name}")
            if stopped or how.stop():
                return True
        if self._frames < 0.95 * stream.total:  # the count in a file's head is an estimate
            say(f"{stream.name}: ends after {self._frames} of {stream.total} frames")
        return how.stop()

    def _take(self, frame: Frame, found: Detections) -> bool:
        how = self._how
        self._frames, self._seconds = self._frames + 1, frame.seconds
        kept = found.above(how.threshold)
        seen = self._seen(frame, kept)
        self._count(seen)
        if how.speaker is not None:
            for class_id, count in self._appearances.look(found, frame.seconds):
                name = self._names.get(class_id, f"class {class_id}")
                how.speaker.say(name if count == 1 else f"{count} {name}", frame.seconds)
        how.tell(seen)
        if how.display is None and not self._sink.draws:
            return True
        drawn = draw_detections(frame.pixels, kept, self._label_map)
        self._sink.take(self._stream, frame, drawn, seen.to_json())
        return how.display is None or how.display.show(drawn)

    def _seen(self, frame: Frame, kept: Detections) -> SeenFrame:
        rows = zip(kept.class_ids, kept.scores, kept.boxes, strict=True)
        objects = tuple(
            (int(i), self._names.get(int(i), f"class {i}"), float(score), tuple(box.tolist()))
            for i, score, box in rows
        )
        now = time.time() if self._stream.live else None
        height, width = frame.pixels.shape[:2]
        size = (width, height)
        return SeenFrame(self._stream.name, frame.number, frame.seconds, now, size, objects)

    def _count(self, seen: SeenFrame) -> None:
        counts = Counter(name for _, name, _, _ in seen.objects)
        self._frames_with.update(counts.keys())
        for name, count in counts.items():
            self._most[name] = max(count, self._most.get(name, 0))

    def watched(self) -> WatchedStream:
        """Return what was counted."""
        classes = tuple(
            (name, self._frames_with[name], self._most[name])
            for name in self._names.values()
            if name in self._frames_with
        )
        return WatchedStream(self._stream.name, self._frames, self._seconds, classes)


def _at_once(detector: Detector) -> int:
    """How many frames a detector works on at once."""
    if isinstance(detector, SharedDetector):
        return sum(device.requests for device in detector.devices)
    return 1


def _until(stop: Callable[[], bool], frames: Iterator[Frame]) -> Iterator[Frame]:
    for frame in frames:
        yield frame
        if stop():
            return
