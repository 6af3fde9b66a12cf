import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from od.detect import find_streams
from od.detect import video as video_module
from od.detect.video import opened_stream
from od.detect.video_file import VideoFile
from od.errors import DeviceError, DeviceGoneError, ImageError, OutputError


def grey(value, size=(64, 48)):
    return np.full((size[1], size[0], 3), value, np.uint8)


def write(path, frames, rate=10.0):
    with VideoFile(path, rate) as file:
        for frame in frames:
            file.write(frame)
    return path


def read(path):
    with opened_stream(path) as stream:
        return stream, list(stream.frames)


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv", "a.MOV", "영상 1.mp4"])
def test_a_video_comes_back_with_its_frames_and_times(tmp_path, name):
    path = write(tmp_path / name, [grey(20 * i) for i in range(10)])
    stream, frames = read(path)

    assert (stream.name, stream.rate, stream.total, stream.live) == (str(path), 10, 10, False)
    assert [frame.number for frame in frames] == list(range(10))
    np.testing.assert_allclose([f.seconds for f in frames], np.arange(10) / 10, atol=0.002)
    np.testing.assert_allclose([f.pixels.mean() for f in frames], np.arange(10) * 20, atol=6)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_colours_stay_red_green_and_blue(tmp_path):
    red = grey(0)
    red[:, :, 0] = 220
    _, frames = read(write(tmp_path / "a.mp4", [red] * 3))

    np.testing.assert_allclose(frames[1].pixels.mean(axis=(0, 1)), [220, 0, 0], atol=12)


def test_odd_sides_keep_their_last_column(tmp_path):
    _, frames = read(write(tmp_path / "a.mp4", [grey(99, (63, 47))] * 2))

    assert frames[0].pixels.shape == (48, 64, 3)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_video_is_whole_however_it_ends(tmp_path, error):
    with pytest.raises(error), VideoFile(tmp_path / "a.mp4", 10.0) as file:
        for i in range(7):
            file.write(grey(i))
        raise error

    assert len(read(tmp_path / "a.mp4")[1]) == 7


def test_a_video_that_is_cut_short_on_the_disk_is_told_and_removed(tmp_path):
    with (
        pytest.raises(OutputError, match=r"only 0 of 5 frames are in it") as error,
        VideoFile(tmp_path / "a.mp4", 10.0) as file,
    ):
        for i in range(5):
            file.write(grey(i))
        real = file._writer

        def release():
            real.release()
            aside = file._aside
            aside.write_bytes(aside.read_bytes()[:300])

        file._writer = SimpleNamespace(release=release)

    assert error.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_camera_s_video_is_as_long_as_what_it_shows(tmp_path):
    with VideoFile(tmp_path / "a.avi", 10.0) as file:
        for value, seconds in ((0, 0.0), (80, 0.5), (160, 0.52), (240, 1.0)):
            file.write(grey(value), seconds)
    _, frames = read(tmp_path / "a.avi")

    # A frame stands from the last one's end to its own moment; what comes too fast is left out.
    means = [round(frame.pixels.mean() / 80) for frame in frames]
    assert means == [0, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3]


def test_an_ending_that_is_no_video_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"'\.txt' is no video"):
        VideoFile(tmp_path / "a.txt", 10.0)


def test_a_video_that_is_none_is_said_so(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"nothing" * 100)

    with pytest.raises(ImageError, match=r"a\.mp4: is no video"), opened_stream(tmp_path / "a.mp4"):
        pass
    with pytest.raises(ImageError, match="does not exist"), opened_stream(tmp_path / "b.mp4"):
        pass


def test_a_camera_that_is_not_there_is_said_so():
    absent = Path("camera:77")
    with pytest.raises(DeviceError, match="camera:77: no camera") as error, opened_stream(absent):
        pass

    assert "camera:1" in error.value.hint


class StandInCamera:
    """A camera that gives a numbered picture each 5 ms until it is unplugged."""

    def __init__(self, pictures):
        self.pictures, self.given, self.released = pictures, 0, threading.Event()

    def isOpened(self):
        return True

    def get(self, _):
        return 200.0

    def read(self):
        time.sleep(0.005)
        if self.given >= self.pictures or self.released.is_set():
            return False, None
        self.given += 1
        return True, grey(min(self.given, 255))

    def release(self):
        self.released.set()


@pytest.fixture
def camera(monkeypatch):
    made = StandInCamera(40)
    real = video_module.import_opencv()
    stand_in = SimpleNamespace(
        VideoCapture=lambda number: made,
        cvtColor=real.cvtColor,
        COLOR_BGR2RGB=real.COLOR_BGR2RGB,
        CAP_PROP_FPS=real.CAP_PROP_FPS,
    )
    monkeypatch.setattr(video_module, "import_opencv", lambda: stand_in)
    return made


def test_a_slow_looker_gets_a_camera_s_newest_picture(camera):
    seen = []
    with opened_stream(Path("camera:0")) as stream:
        assert stream.live
        for frame in stream.frames:
            seen.append((int(frame.pixels[0, 0, 0]), camera.given))
            time.sleep(0.03)
            if len(seen) == 4:
                break

    assert camera.released.is_set()
    assert all(given - picture <= 2 for picture, given in seen)
    assert seen[-1][0] > 6  # pictures between were left out


def test_a_camera_that_goes_is_told(camera):
    gone = pytest.raises(DeviceGoneError, match="camera:0: gives no more pictures")
    with opened_stream(Path("camera:0")) as stream, gone as error:
        list(stream.frames)

    assert error.value.hint


def test_videos_and_cameras_are_told_from_images(tmp_path):
    (tmp_path / "clips").mkdir()
    for name in ("b.MP4", "a.avi", "notes.txt"):
        (tmp_path / "clips" / name).write_bytes(b"x")
    (tmp_path / "image.jpg").write_bytes(b"x")
    clips = [tmp_path / "clips/a.avi", tmp_path / "clips/b.MP4"]

    assert find_streams([tmp_path / "clips"]) == clips
    assert find_streams([clips[1], Path("camera:0")]) == [
        clips[1],
        Path("camera:0"),
    ]
    assert find_streams([tmp_path / "image.jpg", tmp_path]) == []
    with pytest.raises(ImageError, match=r"in two|image.jpg: is no video"):
        find_streams([tmp_path / "image.jpg", clips[0]])
    with pytest.raises(ImageError, match="does not exist"):
        find_streams([tmp_path / "c.mp4"])
