import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import od
from od.cli import cli
from od.detect.video import opened_stream
from od.detect.video_file import VideoFile
from stick_exports import BLUE, RED, squares, write_stick_export


def write_video(path, frames):
    """Red from a third of the frames on, blue in the last third."""
    with VideoFile(path, 10.0) as file:
        for i in range(frames):
            things = [((16, 32, 32, 48), RED)] if i >= frames // 3 else []
            things += [((160, 96, 176, 112), BLUE)] if i >= 2 * frames // 3 else []
            file.write(squares(*things))
    return path


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_stick_export(tmp_path / "model")
    write_video(tmp_path / "street.mp4", 30)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(cli, ["detect", "model", *arguments])


def frames_of(path):
    with opened_stream(Path(path)) as stream:
        return list(stream.frames)


def test_a_table_says_what_was_seen_in_a_video():
    result = run("street.mp4")

    assert result.exit_code == 0, result.output
    assert [line.rstrip() for line in result.stdout.splitlines()] == [
        "video        class   frames with it   most at once",
        "──────────────────────────────────────────────────",
        "street.mp4   red           20 of 30              1",
        "street.mp4   blue          10 of 30              1",
    ]


def test_a_drawn_video_has_all_frames_and_the_boxes():
    result = run("street.mp4", "--save", "out/drawn.mp4")

    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("\nout/drawn.mp4  30 frames\n")
    before, after = frames_of("street.mp4"), frames_of("out/drawn.mp4")
    changed = [
        float(np.abs(a.pixels.astype(int) - b.pixels).mean())
        for a, b in zip(before, after, strict=True)
    ]
    assert max(changed[:10]) + 1 < min(changed[10:20])  # encoding anew changes a little
    assert max(changed[10:20]) + 1 < min(changed[20:])
    assert os.listdir("out") == ["drawn.mp4"]


def test_json_is_one_object_a_frame_with_its_time_and_boxes():
    result = run("street.mp4", "--json", "--save", "pictures")

    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["frame"] for line in lines] == list(range(30))
    assert lines[0] == {
        "source": "street.mp4",
        "frame": 0,
        "seconds": 0.0,
        "width": 192,
        "height": 128,
        "objects": [],
    }
    assert lines[25]["seconds"] == 2.5
    (red, blue) = sorted(lines[25]["objects"], key=lambda found: found["class_id"])
    assert (red["class"], blue["class"]) == ("red", "blue")
    np.testing.assert_allclose(red["box"], [16, 32, 32, 48], atol=0.1)

    pictures = sorted(os.listdir("pictures"))
    assert pictures[:2] == ["detections.jsonl", "od.json"]
    assert len(pictures) == 32
    saved = [
        json.loads(line) for line in Path("pictures/detections.jsonl").read_text().splitlines()
    ]
    assert [line.pop("picture") for line in saved] == pictures[2:]
    assert saved == lines


def test_several_videos_are_looked_at_one_after_the_other(workspace):
    (workspace / "more").mkdir()
    write_video(workspace / "more/street.mp4", 9)
    result = run("street.mp4", "more", "--save", "pictures")

    assert result.exit_code == 0, result.output
    assert "more/street.mp4   red             6 of 9" in result.stdout
    names = os.listdir("pictures")
    assert {"street-000029.jpg", "street-2-000008.jpg"} <= set(names)
    assert len(names) == 41


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(
            ["camera:7"],
            "Error: camera:7: no camera answers there\n"
            "Hint: plug one in, end the program that uses it, or give another number: camera:1\n",
            id="no camera",
        ),
        pytest.param(
            ["broken.mp4"],
            "Error: broken.mp4: is no video that can be read\n"
            "Hint: replace it by an intact copy, or convert it to MP4\n",
            id="broken video",
        ),
        pytest.param(
            ["street.mp4", "--device", "MYRIAD"],
            "Error: device MYRIAD: no stick to work on; od doctor shows: stick: none plugged in\n"
            "Hint: plug a stick in, or use --device CPU\n",
            id="no stick",
        ),
        pytest.param(
            ["street.mp4", "broken.mp4", "--save", "all.mp4"],
            "Error: all.mp4: is one video, expected a folder for 2 of them\n"
            "Hint: save pictures into a folder, or look at one video at a time\n",
            id="one video for two",
        ),
        pytest.param(
            ["street.mp4", "--save", "street.mp4"],
            "Error: street.mp4: is there already\n"
            "Hint: choose another name, or remove it by hand\n",
            id="onto itself",
        ),
        pytest.param(
            ["street.mp4", "--save", "model"],
            "Error: model: refusing to replace it, od.json says kind 'export', expected an earlier"
            " output ('detections')\n"
            "Hint: choose another --output, or remove it by hand\n",
            id="onto an export",
        ),
    ],
)
def test_mistakes_end_in_two_lines(arguments, expected, monkeypatch, workspace):
    from od.doctor.finding import OK, Finding
    from od.errors import DeviceError

    def no_stick(*_, **__):
        raise DeviceError("none")

    monkeypatch.setattr("od.workflows.opening.open_sticks", no_stick)
    found = [Finding(OK, "stick", "none plugged in")]
    monkeypatch.setattr("od.workflows.opening.stick_findings", lambda root: found)
    monkeypatch.setattr("od.workflows.opening.find_sticks", lambda root: ())
    (workspace / "broken.mp4").write_bytes(b"broken" * 99)
    before = Path("street.mp4").read_bytes()

    result = run(*arguments)

    assert (result.exit_code, result.output) == (1, expected)
    assert Path("street.mp4").read_bytes() == before
    assert not Path("all.mp4").exists()


def test_a_stick_that_does_not_answer_is_told_with_its_reason_and_what_the_doctor_advises(
    monkeypatch,
):
    from od.doctor.finding import NOTE, Finding
    from od.errors import DeviceError

    def closed(*_):
        raise DeviceError("MYRIAD.1.2-ma2480: no stick answers: NC_ERROR")

    finding = Finding(NOTE, "stick", "Neural Compute Stick 2, closed to this user", "add a rule")
    monkeypatch.setattr("od.workflows.opening.find_sticks", lambda root: ("a stick",))
    monkeypatch.setattr("od.workflows.opening.stick_findings", lambda root: [finding])
    monkeypatch.setattr("od.workflows.opening.open_sticks", closed)
    result = run("street.mp4", "--device", "myriad")

    assert (result.exit_code, result.output) == (
        1,
        "Error: device MYRIAD: no stick to work on (MYRIAD.1.2-ma2480: no stick answers: NC_ERROR);"
        " od doctor shows: stick: Neural Compute Stick 2, closed to this user\n"
        "Hint: add a rule\n",
    )


def test_without_a_stick_auto_is_the_cpu_and_says_so(monkeypatch):
    monkeypatch.setattr("od.workflows.opening.find_sticks", lambda root: ())
    result = run("street.mp4", "--device", "AUTO")

    assert result.exit_code == 0
    assert "no stick: working on the CPU\n" in result.stderr


class OneStick:
    """A stick that is unplugged after some frames."""

    name, requests = "MYRIAD.1.2-ma2480", 4

    def __init__(self, frames):
        self._left, self._in_flight = frames, []

    def start(self, request, frame):
        self._in_flight.append(request)

    def wait(self):
        from od.errors import DeviceGoneError

        self._left -= 1
        if self._left < 0:
            raise DeviceGoneError(f"{self.name}: no longer answers", hint="plug it in again")
        return self._in_flight.pop(0), np.array([[0, 1, 0.9, 0, 0, 0.5, 1.0]], np.float32)

    def close(self):
        self._in_flight.clear()


@pytest.fixture
def one_stick(monkeypatch):
    from od.detect.sticks import SharedDetector

    monkeypatch.setattr(
        "od.workflows.opening.open_sticks",
        lambda export: SharedDetector([OneStick(12)], export.input_spec),
    )


@pytest.mark.parametrize("save", ["drawn.mp4", "pictures"])
def test_what_was_written_before_the_last_stick_went_is_kept(one_stick, save):
    result = run("street.mp4", "--device", "MYRIAD", "--save", save, "--json")

    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 12
    assert result.stderr.endswith(
        "Error: MYRIAD.1.2-ma2480: no longer answers\nHint: plug it in again\n"
    )
    if save == "pictures":
        assert len(os.listdir(save)) == 14
    else:
        assert len(frames_of(save)) == 12


def test_images_that_were_done_before_the_last_stick_went_are_kept(one_stick, workspace):
    from od.images import write_image

    (workspace / "photos").mkdir()
    for i in range(20):
        write_image(workspace / f"photos/{i:02d}.png", squares())
    result = run("photos", "--device", "MYRIAD", "--save", "drawn", "--json")

    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["images"]) == 12
    assert len(os.listdir("drawn")) == 14
    assert "12 images were done before\nError: MYRIAD.1.2-ma2480: no longer" in result.stderr


def test_names_are_spoken_once_where_things_appear(monkeypatch):
    class Speaker:
        def __init__(self, voice, path):
            self.said, self.path = [], path

        def say(self, text, seconds):
            self.said.append((text, round(seconds, 1)))

        def close(self):
            self.path.write_text(json.dumps(self.said))

    monkeypatch.setattr("od.detect.speech.find_voice", lambda language: None)
    monkeypatch.setattr("od.detect.speech.SpokenToFile", Speaker)
    result = run("street.mp4", "--speak-to", "a.wav")

    assert result.exit_code == 0, result.output
    assert json.loads(Path("a.wav").read_text()) == [["red", 1.2], ["blue", 2.2]]
    assert result.stdout.endswith("a.wav\n")


def test_without_a_voice_two_lines_say_so(monkeypatch):
    nothing = {"language": None, "which": lambda name: None}
    monkeypatch.setattr("od.detect.speech.find_voice.__kwdefaults__", nothing)
    result = run("street.mp4", "--speak")

    assert result.exit_code == 1
    assert result.output.startswith("Error: no voice: none of espeak-ng, espeak, say, spd-say")
    assert result.output.endswith("Hint: install one: sudo apt install espeak-ng\n")


def test_showing_images_is_a_wrong_use(workspace):
    from od.images import write_image

    write_image(workspace / "a.png", squares())
    result = run("a.png", "--show")

    assert result.exit_code == 2
    assert "--show is for videos and cameras" in result.output


def test_a_live_picture_shows_every_frame_and_ends_when_the_looker_wants(monkeypatch):
    class Display:
        where = "the wall"

        def __init__(self):
            self.pictures, self.closed = 0, False

        def show(self, pixels):
            assert pixels.shape == (128, 192, 3)
            self.pictures += 1
            return self.pictures < 5

        def close(self):
            self.closed = True

    display = Display()
    monkeypatch.setattr("od.detect.live.open_display", lambda: display)
    result = run("street.mp4", "--show", "--save", "drawn.avi")

    assert result.exit_code == 0, result.output
    assert "live: the wall\n" in result.stderr
    assert (display.pictures, display.closed) == (5, True)
    assert len(frames_of("drawn.avi")) == 5


@pytest.mark.parametrize("save", ["drawn.mp4", "pictures"])
def test_ctrl_c_ends_cleanly_and_what_is_saved_is_whole(workspace, save):
    write_video(workspace / "long.mp4", 4000)
    errors_file = workspace / "errors"
    with errors_file.open("w") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "od", "detect", "model", "long.mp4", "--json", "--save", save],
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(od.__file__).parent.parent)},
        )
        first = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGINT)
        lines = [json.loads(line) for line in [*first, *process.stdout]]
        process.wait(timeout=60)
    errors = errors_file.read_text()

    assert process.returncode == 0, errors
    assert "stopping ..." in errors
    assert [line["frame"] for line in lines] == list(range(len(lines)))
    assert 20 <= len(lines) < 4000
    if save == "pictures":
        assert len(os.listdir(save)) == len(lines) + 2
    else:
        assert len(frames_of(save)) == len(lines)
