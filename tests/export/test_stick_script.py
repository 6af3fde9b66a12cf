"""The parts of the script that travels, called as functions: sharing, reading, refusing."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from od.detect.preparation import prepare_frame, to_detections7
from od.errors import OdError
from od.export.stick import companions
from od.images import read_image
from od.structures.artifacts import InputSpec

SOURCE = Path(companions.__file__).with_name("detect_on_stick.py")
SPEC = {"height": 8, "width": 8, "resize": "stretch", "channels": "rgb", "layout": "NCHW"}


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("detect_on_stick", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


class Stick:
    """Requests that take some polls each and give the first pixel; unplugged after `life`."""

    def __init__(self, dice, life=None, count=4, slowest=6):
        self.dice, self.life, self.polls, self.slowest = dice, life, 0, slowest
        self.requests = [Request(self) for _ in range(count)]

    def check(self):
        self.polls += 1
        if self.life is not None and self.polls > self.life:
            raise RuntimeError("X_LINK_ERROR")


class Request:
    def __init__(self, stick):
        self.stick, self.left = stick, 0

    def start(self, frame):
        self.stick.check()
        self.left, self.value = (
            self.stick.dice.randrange(self.stick.slowest),
            int(frame[0, 0, 0, 0]),
        )

    def poll(self):
        self.stick.check()
        self.left -= 1
        return self.value if self.left < 0 else None


def numbered(script, count=60):
    for i in range(count):
        yield script.Frame("a", i, np.full((8, 8, 3), i, np.uint8))


@pytest.mark.parametrize("seed", range(100))
def test_no_frame_is_lost_or_given_twice_whenever_sticks_are_unplugged(script, seed):
    dice = random.Random(seed)
    lives = [None, *(dice.randrange(120) for _ in range(3))]
    devices = [
        script.Device(f"stick {i}", Stick(dice, life).requests) for i, life in enumerate(lives)
    ]
    results = list(script.detect(numbered(script), devices, SPEC))

    assert [(frame.number, rows) for frame, rows in results] == [(i, i) for i in range(60)]


@pytest.mark.parametrize("life", range(0, 90, 7))
def test_what_was_finished_before_the_last_stick_went_is_given(script, life):
    dice = random.Random(life)
    stick = Stick(dice, life)
    results = []
    with pytest.raises(script.Problem, match="does not answer any more") as caught:
        for frame, rows in script.detect(
            numbered(script, 200), [script.Device("stick", stick.requests)], SPEC
        ):
            results.append((frame.number, rows))

    assert results == [(i, i) for i in range(len(results))]
    assert caught.value.hint


def test_a_result_collected_before_another_request_fails_is_kept(script):
    class Ready:
        def start(self, frame):
            pass

        def poll(self):
            return "rows"

    class Broken(Ready):
        def poll(self):
            raise RuntimeError("X_LINK_ERROR")

    results = script.detect(numbered(script), [script.Device("x", [Broken(), Ready()])], SPEC)
    assert next(results)[0].number == 0
    device, finished = script.Device("stick", [Broken(), Ready()]), {}
    device.start(0, None)
    device.start(1, None)
    with pytest.raises(script.Gone):
        device.collect(finished)

    assert finished == {0: "rows"}
    assert device.unfinished() == [(1, None)]


def test_a_stick_that_says_nothing_counts_as_gone(script, monkeypatch):
    class Silent:
        def start(self, frame):
            pass

        def poll(self):
            return None

    monkeypatch.setattr(script, "SILENCE", 0.2)
    devices = [
        script.Device("silent", [Silent()]),
        script.Device("other", Stick(random.Random(0)).requests),
    ]

    assert len(list(script.detect(numbered(script, 20), devices, SPEC))) == 20


def test_a_camera_is_read_only_for_a_device_that_is_free(script):
    read = []

    def frames():
        for frame in numbered(script):
            read.append(frame.number)
            yield frame

    devices = [script.Device("stick", Stick(random.Random(1), slowest=200).requests)]
    for frame, _ in script.detect(frames(), devices, SPEC):
        assert len(read) - frame.number <= 2 * script.REQUESTS


def test_openvino_2020_3_is_spoken_to_in_its_own_words(script, monkeypatch, tmp_path):
    """Inputs are under another name, and a request gives arrays without a wrapper."""

    class Info:
        precision = "FP32"

    class Network:
        inputs, outputs = {"input": Info()}, {"detections": Info()}

    class OldestRequest:
        def async_infer(self, inputs):
            self.outputs = {"detections": np.zeros((1, 1, 3, 7)) + inputs["input"]}

        def wait(self, timeout):
            return 0

    class Core:
        def read_network(self, model, weights):
            assert weights.endswith("model.bin")
            return Network()

        def load_network(self, network, device, config, num_requests):
            assert network.inputs["input"].precision == "U8"
            assert config == {}
            return type("Loaded", (), {"requests": [OldestRequest() for _ in range(num_requests)]})

    core = script.OldCore.__new__(script.OldCore)
    core.core = Core()
    (request, *_) = core.load(str(tmp_path / "model.xml"), "MYRIAD.1.1-ma2450", 4)
    request.start(5)

    assert request.poll().shape == (3, 7)


@pytest.mark.parametrize("size", [(8, 8), (33, 57), (200, 123), (7, 300)])
@pytest.mark.parametrize("resize", ["stretch", "pad"])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_frames_are_prepared_and_boxes_put_back_as_od_does(script, size, resize, channels):
    spec = InputSpec(48, 64, "NCHW", channels, "uint8", resize, (1, 2, 3))
    dice = np.random.default_rng(size[0])
    image = dice.integers(0, 256, (*size, 3), dtype=np.uint8)
    ours = script.prepare(image, spec.to_json())
    theirs = prepare_frame(image, spec)
    assert ours.flags.c_contiguous
    assert np.abs(ours.astype(int) - theirs).max() <= 1  # halves may round either way

    corners = np.sort(dice.random((20, 2, 2)), axis=1).reshape(20, 4)
    rows = np.column_stack([np.zeros(20), np.ones(20), dice.random(20), corners])
    rows[15:, 0] = -1
    found = script.to_objects(rows, spec.to_json(), ["background", "cat"], size, 0.0)
    expected = to_detections7(rows.astype(np.float32), spec, height=size[0], width=size[1])
    boxes = np.array([o["box"] for o in found]).reshape(-1, 4)
    np.testing.assert_allclose(boxes, expected.boxes, atol=0.02)
    np.testing.assert_allclose([o["score"] for o in found], expected.scores, atol=1e-4)


def pictures(folder):
    """Images of every kind that od reads, small, each with something to tell them by."""
    dice = np.random.default_rng(0)
    coarse = dice.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((90, 60), Image.Resampling.BICUBIC)
    image.save(folder / "plain.jpg")
    image.convert("L").save(folder / "grey.jpg")
    image.save(folder / "plain.png")
    image.convert("P").save(folder / "palette.png")
    see_through = image.convert("RGBA")
    see_through.putalpha(Image.linear_gradient("L").resize(image.size))
    see_through.save(folder / "alpha.png")
    Image.fromarray(dice.integers(0, 65536, (40, 50)).astype(np.uint16)).save(folder / "16.png")
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(folder / f"turned-{orientation}.jpg", exif=exif)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("reader", ["read_with_pillow", "read_with_opencv"])
def test_both_libraries_give_the_pixels_that_od_trains_with(script, tmp_path, reader):
    pytest.importorskip("cv2")
    for path in pictures(tmp_path):
        pixels = getattr(script, reader)(path.read_bytes())
        expected = read_image(path)
        assert pixels.shape == expected.shape, path.name
        assert np.abs(pixels.astype(int) - expected).max() <= 1, path.name


def test_opencv_reads_jpeg_where_pillow_has_another_decoder(script, tmp_path, monkeypatch):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.jpg")
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    seen = []
    for reader in ("read_with_pillow", "read_with_opencv"):
        monkeypatch.setattr(script, reader, lambda data, reader=reader: seen.append(reader))
    for exact in (True, False):
        monkeypatch.setattr(script, "pillow_is_exact", lambda exact=exact: exact)
        script.read_image(str(tmp_path / "a.jpg"))
    script.read_image(str(tmp_path / "a.png"))

    assert seen == ["read_with_pillow", "read_with_opencv", "read_with_pillow"]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("without", ["cv2", "Image"])
def test_a_jpeg_that_was_cut_off_is_named_by_either_library(
    script, tmp_path, monkeypatch, progressive, without
):
    monkeypatch.setattr(script, without, None)
    if without == "Image":  # OpenCV before 4.7 or so fills in grey and says nothing
        monkeypatch.setattr(script, "read_with_opencv", lambda data: np.zeros((9, 9, 3), np.uint8))
    image = Image.effect_noise((200, 200), 80).convert("RGB")
    image.resize((16, 16)).save(tmp_path / "thumbnail.jpg")
    image.save(tmp_path / "a.jpg", progressive=progressive)
    thumbnail = b"X" + (tmp_path / "thumbnail.jpg").read_bytes()  # whole, with an end of its own
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    data = (tmp_path / "a.jpg").read_bytes()
    data = data[:2] + segment + data[2:]
    (tmp_path / "a.jpg").write_bytes(data)
    script.read_image(str(tmp_path / "a.jpg"))
    for share in (0.0, 0.5, 0.7, 0.99):
        (tmp_path / "a.jpg").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(script.Problem, match=r"a\.jpg: cannot be read"):
            script.read_image(str(tmp_path / "a.jpg"))
        if share:
            with pytest.raises(OdError):
                read_image(tmp_path / "a.jpg")


def test_images_are_never_overwritten_by_what_is_drawn_on_them(script, tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "photos/a.jpg")
    photos = str(tmp_path / "photos")
    script.check_sources([photos], str(tmp_path / "drawn"))
    for save in (photos, photos + "/", str(tmp_path / "photos/../photos")):
        with pytest.raises(script.Problem, match="would be overwritten"):
            script.check_sources([photos], save)


def test_names_that_the_font_lacks_are_drawn_as_class_ids(script):
    assert script.caption({"class": "red", "class_id": 1, "score": 0.5}) == "red 0.50"
    assert script.caption({"class": "고양이", "class_id": 3, "score": 0.5}) == "class 3 0.50"


@pytest.mark.parametrize(
    ("plugged", "message", "hint"),
    [
        ([], "none is plugged in; OpenVINO sees CPU", "--device CPU"),
        (["03e7:2150"], "USB has 03e7:2150", "2020.3"),
        (["03e7:2485"], "USB has 03e7:2485", "2022.3"),
    ],
)
def test_a_stick_that_openvino_does_not_see_is_told_from_none(
    script, monkeypatch, plugged, message, hint
):
    monkeypatch.setattr(script, "sticks_on_usb", lambda: plugged)
    problem = script.no_stick(["CPU"])

    assert message in str(problem)
    assert hint in problem.hint


def test_a_video_is_read_to_its_end_and_a_broken_one_does_not_end_the_others(script, tmp_path):
    cv2 = pytest.importorskip("cv2")
    path = str(tmp_path / "a.avi")
    video = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 12.0, (64, 48))
    if not video.isOpened():
        pytest.skip("this OpenCV writes no video")
    for i in range(5):
        video.write(np.full((48, 64, 3), 40 * i, np.uint8))
    video.release()
    (tmp_path / "b.mp4").write_bytes(b"no video")
    frames = list(script.frames_of([str(tmp_path / "b.mp4"), path]))

    assert "b.mp4: cannot be opened" in str(frames[0].problem)
    assert [frame.number for frame in frames[1:]] == list(range(5))
    assert [round(frame.image.mean() / 40) for frame in frames[1:]] == list(range(5))
    assert frames[1].rate == pytest.approx(12.0)
    saver = script.Saver(str(tmp_path / "drawn"))
    for frame in frames[1:]:
        saver.save(frame, frame.image)
    saver.close()
    drawn = cv2.VideoCapture(str(tmp_path / "drawn/a.mp4"))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert drawn.get(cv2.CAP_PROP_FPS) == pytest.approx(12.0)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pipe that closes")
def test_a_reader_that_has_enough_ends_it_without_a_trace(tmp_path):
    shutil.copy(SOURCE, tmp_path / "detect_on_stick.py")
    done = subprocess.run(
        f"exec '{sys.executable}' '{tmp_path}/detect_on_stick.py' . 2>&1 | cat",
        shell=True,
        capture_output=True,
        text=True,
        env={**os.environ},
        check=False,
    )

    assert "Traceback" not in done.stdout
    error, hint = done.stdout.splitlines()
    assert error.startswith(f"Error: {tmp_path}: od.json or labels.txt cannot be read")
    assert "copy all of it" in hint
