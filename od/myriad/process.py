"""One process of the toolchain's Python that answers lines of JSON, and its last words."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from od.errors import ExportError
from od.myriad.toolchain import Toolchain

_LAST_LINES = 20  # of stderr that are kept; the last few are quoted
_QUOTED = 500  # characters
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Where in its makers' tree OpenVINO raised an error: "[ GENERAL_ERROR ] /home/.../x.cpp:98".
_PLACE = re.compile(r"\[ [A-Z_]+ \]\s+\S+\.[ch]pp:\d+\s+")
_MEND = "run it once more; when it stays, od doctor --setup-myriad makes the toolchain anew"
# The plugin ends its process when it cannot open its lock, which the first user who ran it
# on this machine made for themselves alone.
_LOCK_SIGN = "global mutex initialization failed"
_LOCK_MEND = "that is /tmp/mvnc.mutex, another user's: have them remove it, or sudo rm it"


class ProcessEnded(ExportError):
    """The process crashed, hung or was never there; it is dead now."""


class Refusal(Exception):
    """The process answers that it could not do what it was asked.

    Args:
        kind: "refused", "gone", "system" or "failed".
        words: Its reason.
        errno: Of a "system" one.
    """

    def __init__(self, kind: str, words: str, errno: int | None = None) -> None:
        super().__init__(words)
        self.kind = kind
        self.words = words
        self.errno = errno


class WorkerProcess:
    """A running process; ``ask`` is for one thread at a time.

    Args:
        toolchain: Whose Python runs the script.
        script: What it runs.
        timeout: Seconds for it to say that it is ready.

    Raises:
        ProcessEnded: It does not start.
    """

    def __init__(self, toolchain: Toolchain, script: Path, *, timeout: float) -> None:
        self._name = f"OpenVINO's process ({toolchain.folder})"
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._words: deque[str] = deque(maxlen=_LAST_LINES)
        self._epitaph: ProcessEnded | None = None
        own_group: dict[str, Any] = {"start_new_session": True}  # Ctrl-C is the parent's
        if sys.platform == "win32":  # untested
            own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        try:
            self._process = subprocess.Popen(
                # -I: PYTHONPATH and the user's own packages are of another Python
                [str(toolchain.python), "-I", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **toolchain.environment},
                text=True,
                encoding="utf-8",
                errors="replace",
                **own_group,
            )
        except OSError as error:
            raise ProcessEnded(
                f"{toolchain.python}: cannot be started: {error.strerror or error}",
                hint="od doctor --setup-myriad makes the toolchain anew",
            ) from error
        self._readers = [
            threading.Thread(target=self._read_answers, daemon=True),
            threading.Thread(target=self._read_words, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        try:
            self.ready = self._answer("starting", timeout)
        except BaseException:
            self.end()
            raise

    def ask(self, command: str, *, timeout: float, **arguments: Any) -> dict[str, Any]:
        """Send one request and return its answer.

        Raises:
            Refusal: The answer says that it could not be done.
            ProcessEnded: There is no answer; the process is ended.
        """
        if self._epitaph:
            raise self._epitaph
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it has ended: reading its answer says how
            self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            self._process.stdin.flush()
        try:
            return self._answer(command, timeout)
        except ProcessEnded as error:
            self._epitaph = error
            self.end()
            raise
        except KeyboardInterrupt:
            self.end()  # it may be in the middle of something long
            raise

    def end(self) -> None:
        """End the process, which holds nothing that needs saving."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join(timeout=5)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(OSError):  # a request that was never read
                    pipe.close()

    def last_words(self) -> str:
        """Return the end of what it wrote to stderr, in one line."""
        return " / ".join(self._words)[-_QUOTED:] or "it wrote nothing to stderr"

    def _answer(self, command: str, timeout: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=timeout)
        except queue.Empty:
            self.end()
            raise ProcessEnded(
                f"{self._name} gave no answer to '{command}' within {timeout:g} s; "
                f"its last words: {self.last_words()}",
                hint=_MEND,
            ) from None
        if line is None:
            status = self._process.wait()
            self._readers[1].join(timeout=5)
            raise ProcessEnded(
                f"{self._name} {_how_it_ended(status)} at '{command}'; "
                f"its last words: {self.last_words()}",
                hint=_LOCK_MEND if _LOCK_SIGN in self.last_words() else _MEND,
            )
        try:
            answer = json.loads(line)
            ok = answer.pop("ok")
        except (ValueError, KeyError, AttributeError) as error:
            self.end()
            raise ProcessEnded(
                f"{self._name} answers '{command}' with {line[:200]!r}, expected JSON", hint=_MEND
            ) from error
        if not ok:
            raise Refusal(answer["kind"], _reason(answer["error"]), answer.get("errno"))
        return dict(answer)

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(None)

    def _read_words(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            words = _one_line(line)
            if words:
                self._words.append(words)


def _one_line(text: str) -> str:
    return " ".join(_COLOURS.sub("", text).split())


def _reason(text: str) -> str:
    return _PLACE.sub("", _one_line(text))


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"crashed with {signal.Signals(-status).name}"
    except ValueError:
        return f"crashed with signal {-status}"
