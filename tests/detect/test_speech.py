import shutil
import stat
import sys
import wave

import numpy as np
import pytest

from od.detect.speech import SpokenAloud, SpokenToFile, Voice, find_voice, language_of
from od.errors import DeviceError

_FAKE = """#!{python}
import sys, wave
from pathlib import Path
Path({log!r}).open("a").write(" ".join(sys.argv[1:]) + "\\n")
if "bad" in sys.argv:
    sys.exit("no such voice: bad")
if "-w" in sys.argv:
    with wave.open(sys.argv[sys.argv.index("-w") + 1], "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(8000)
        file.writeframes(b"\\x10\\x27" * 800 * len(sys.argv[-1]))  # 0.1 s a letter
"""


@pytest.fixture
def voice(tmp_path):
    """A stand-in for espeak-ng that writes down what it is told, and its log."""
    program, log = tmp_path / "espeak-ng", tmp_path / "log"
    program.write_text(_FAKE.format(python=sys.executable, log=str(log)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Voice(str(program)), log


def sound(path):
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return samples, file.getframerate()


def test_each_text_stands_at_its_time_or_after_the_one_before(voice, tmp_path):
    speaker = SpokenToFile(voice[0], tmp_path / "a.wav")
    speaker.say("cat", 1.0)
    speaker.say("dog", 1.1)
    speaker.say("cat", 3.0)
    speaker.close()

    samples, rate = sound(tmp_path / "a.wav")
    spoken = np.flatnonzero(np.diff(np.r_[0, samples != 0, 0]))
    assert (spoken / rate).tolist() == [1.0, 1.6, 3.0, 3.3]
    assert voice[1].read_text().count("cat") == 1  # known by then


def test_nothing_said_is_a_silent_file(voice, tmp_path):
    SpokenToFile(voice[0], tmp_path / "a.wav").close()

    assert len(sound(tmp_path / "a.wav")[0]) == 0


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("cat", "en"),
        ("고양이", "ko"),
        ("2 고양이", "ko"),
        ("ねこ", "ja"),
        ("кот", "ru"),
        ("", "en"),
    ],
)
def test_the_language_is_told_from_the_letters(voice, text, language):
    assert language_of(text) == language
    assert voice[0].aloud(text)[1:] == ["-v", language, "--", text]


def test_a_chosen_language_counts_more(voice):
    assert Voice(voice[0].program, "de").aloud("Katze")[2] == "de"


def test_a_text_like_an_option_is_spoken_as_a_text(voice, tmp_path):
    speaker = SpokenToFile(voice[0], tmp_path / "a.wav")
    speaker.say("-w", 0.0)
    speaker.close()

    assert voice[1].read_text().splitlines()[0].endswith("-v en -- -w")


def test_speaking_aloud_waits_for_nobody_and_ends_when_all_is_said(voice):
    speaker = SpokenAloud(voice[0])
    speaker.say("cat", 0.0)
    speaker.say("dog", 0.0)
    speaker.close()

    assert voice[1].read_text().splitlines() == ["-v en -- cat", "-v en -- dog"]


def test_a_voice_that_fails_is_quoted(voice, tmp_path):
    speaker = SpokenToFile(Voice(voice[0].program, "bad"), tmp_path / "a.wav")

    with pytest.raises(DeviceError, match="does not speak: no such voice: bad") as error:
        speaker.say("cat", 0.0)
    assert error.value.hint

    aloud = SpokenAloud(Voice(voice[0].program, "bad"))
    aloud.say("cat", 0.0)
    with pytest.raises(DeviceError, match="no such voice: bad"):
        aloud.close()


def test_the_best_voice_there_is_is_taken():
    there = {"say": "/usr/bin/say", "spd-say": "/usr/bin/spd-say"}

    assert find_voice(which=there.get).kind == "say"
    del there["say"]
    desktop = find_voice(which=there.get)
    assert desktop.aloud("cat") == ["/usr/bin/spd-say", "--wait", "--language", "en", "--", "cat"]
    with pytest.raises(DeviceError, match="writes no file"):
        desktop.recorded("cat")
    with pytest.raises(DeviceError, match="no voice: none of espeak-ng") as error:
        find_voice(which=lambda name: None)
    assert error.value.hint


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_espeak_speaks_a_korean_and_an_english_name_into_a_file(tmp_path):
    speaker = SpokenToFile(find_voice(), tmp_path / "a.wav")
    speaker.say("고양이", 0.5)
    speaker.say("bottle cap", 3.0)
    speaker.close()

    samples, rate = sound(tmp_path / "a.wav")
    loud = np.abs(samples.astype(int)) > 500
    assert not loud[: rate // 2].any()
    assert loud[rate // 2 : 2 * rate].sum() > rate // 20
    assert loud[3 * rate :].sum() > rate // 20
