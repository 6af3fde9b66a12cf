"""Names spoken aloud, or into a WAV file, by the voice that the system has.

``espeak-ng`` (or ``espeak``) on any system, ``say`` on macOS, ``spd-say`` on Linux desktops.
Speaking never holds up the detector: what is said while a voice is at work waits, and what
waits too long is left out.
"""

from __future__ import annotations

import io
import queue
import shutil
import subprocess
import tempfile
import threading
import time
import unicodedata
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from od.errors import DeviceError
from od.outputs import whole_file

_VOICES = ("espeak-ng", "espeak", "say", "spd-say")
_STALE_SECONDS = 4.0  # an appearance that could not be spoken within is no news any more
_SPOKEN_SECONDS = 30.0  # the longest that a voice is waited for
# First words of the letters' Unicode names -> language, as espeak-ng and spd-say call it.
_SCRIPTS = {
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "cmn",
    "CYRILLIC": "ru",
    "GREEK": "el",
    "ARABIC": "ar",
    "HEBREW": "he",
    "DEVANAGARI": "hi",
    "THAI": "th",
}


def language_of(text: str) -> str:
    """Tell a language by its letters; Latin ones count as English.

    Example:
        >>> language_of("고양이"), language_of("cat")
        ('ko', 'en')
    """
    for letter in text:
        script = unicodedata.name(letter, "").split(" ")[0]
        if script in _SCRIPTS:
            return _SCRIPTS[script]
    return "en"


@dataclass(frozen=True)
class Voice:
    """A program that speaks.

    Args:
        program: Its path.
        language: "ko", "de", ...; None: told from the letters of each text.
    """

    program: str
    language: str | None = None

    @property
    def kind(self) -> str:
        """Which program it is, without folder and ending."""
        return Path(self.program).stem

    def aloud(self, text: str) -> list[str]:
        """Return the command that speaks a text and ends when it was spoken."""
        language = self.language or language_of(text)
        if self.kind == "say":
            return [self.program, "--", text]
        if self.kind == "spd-say":
            return [self.program, "--wait", "--language", language, "--", text]
        return [self.program, "-v", language, "--", text]

    def recorded(self, text: str) -> bytes:
        """Return a spoken text as a WAV file.

        Raises:
            DeviceError: The voice fails, or cannot write files.
        """
        if self.kind == "spd-say":
            raise DeviceError(
                f"{self.program}: speaks aloud only, it writes no file",
                hint="install espeak-ng: sudo apt install espeak-ng",
            )
        with tempfile.TemporaryDirectory(prefix="od-voice-") as folder:
            file = Path(folder) / "spoken.wav"
            option = ["-o", str(file), "--data-format=LEI16@22050"]
            if self.kind != "say":
                option = ["-w", str(file)]
            command = self.aloud(text)
            _run([command[0], *option, *command[1:]])
            if not file.is_file():
                raise DeviceError(f"{self.program}: wrote no sound for '{text}'")
            return file.read_bytes()


def find_voice(
    *, language: str | None = None, which: Callable[[str], str | None] = shutil.which
) -> Voice:
    """Return the system's voice.

    Args:
        language: To speak in; None: told from the letters of each text.
        which: Finds a program.

    Raises:
        DeviceError: There is none.
    """
    for name in _VOICES:
        program = which(name)
        if program:
            return Voice(program, language)
    raise DeviceError(
        f"no voice: none of {', '.join(_VOICES)} is installed",
        hint="install one: sudo apt install espeak-ng",
    )


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SPOKEN_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"{command[0]}: does not speak: {error}") from error
    if done.returncode:
        words = " ".join(done.stderr.split())[-200:] or f"status {done.returncode}"
        raise DeviceError(
            f"{command[0]}: does not speak: {words}", hint="choose another --language"
        )


class Speaker(Protocol):
    """Speaks what appears in a stream."""

    def say(self, text: str, seconds: float) -> None:
        """Speak a text that belongs to a moment of the stream."""

    def close(self) -> None:
        """End when all was spoken."""


class SpokenAloud:
    """Speaks one text after the other in the background.

    Args:
        voice: Speaks them.
    """

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._texts: queue.Queue[tuple[float, str] | None] = queue.Queue()
        self.error: DeviceError | None = None
        self._thread = threading.Thread(target=self._speak, name="voice", daemon=True)
        self._thread.start()

    def say(self, text: str, seconds: float) -> None:
        """Speak a text soon; ``seconds`` of the stream play no part."""
        self._texts.put((time.monotonic(), text))

    def close(self) -> None:
        """Let the last text be spoken to its end.

        Raises:
            DeviceError: The voice failed.
        """
        self._texts.put(None)
        self._thread.join(timeout=_SPOKEN_SECONDS)
        if self.error is not None:
            raise self.error

    def _speak(self) -> None:
        while (item := self._texts.get()) is not None:
            since, text = item
            if self.error is not None or time.monotonic() - since > _STALE_SECONDS:
                continue
            try:
                _run(self._voice.aloud(text))
            except DeviceError as error:
                self.error = error


class SpokenToFile:
    """Puts each text into a WAV file at its time in the stream, or after the one before.

    Args:
        voice: Speaks them.
        path: The file, mono, 16 bits; appears with ``close``.
    """

    def __init__(self, voice: Voice, path: Path) -> None:
        self._voice, self._path = voice, path
        self._rate = 22050  # espeak-ng's own, where nothing is spoken
        self._sound = bytearray()
        self._known: dict[str, bytes] = {}

    def say(self, text: str, seconds: float) -> None:
        """Place a text.

        Raises:
            DeviceError: The voice fails.
        """
        if text not in self._known:
            self._known[text] = self._samples(text)
        silence = max(0, round(seconds * self._rate) * 2 - len(self._sound))
        self._sound += bytes(silence) + self._known[text]

    def close(self) -> None:
        """Write the file.

        Raises:
            OutputError: It cannot be written.
        """
        with whole_file(self._path) as temporary, wave.open(str(temporary), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self._rate)
            file.writeframes(bytes(self._sound))

    def _samples(self, text: str) -> bytes:
        try:
            with wave.open(io.BytesIO(self._voice.recorded(text))) as file:
                if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                    raise DeviceError(f"{self._voice.program}: its sound is not mono, 16 bits")
                self._rate = file.getframerate()
                return bytes(file.readframes(file.getnframes()))
        except (wave.Error, EOFError) as error:
            raise DeviceError(f"{self._voice.program}: writes no WAV file: {error}") from error
