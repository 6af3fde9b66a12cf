"""A live picture: a window where OpenCV has one, else a page for this machine's browser."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from od.detect.video import import_opencv
from od.errors import DeviceError
from od.images import encode_jpeg

ADDRESS = "127.0.0.1"  # nobody else's machine may look through this one's camera
PORT = 8080  # or any free one
_TITLE = "od detect"
_BOUNDARY = "picture"
_KEYS_TO_END = (27, ord("q"))  # Esc
_STALL_SECONDS = 1.0  # after which a page that waits gets the last picture once more
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>od detect</title>"
    "<style>body{margin:0;background:#111;display:grid;place-items:center;height:100vh}"
    "img{max-width:100vw;max-height:100vh}</style><img src=/stream alt='live picture'></html>"
)


class Display(Protocol):
    """Shows pictures to somebody.

    Args:
        where: The window or the page's address, in words.
    """

    where: str

    def show(self, pixels: NDArray[np.uint8]) -> bool:
        """Show an RGB picture; False when the looker wants to end."""

    def close(self) -> None:
        """End it."""


def open_display(
    *, environment: Mapping[str, str] = os.environ, system: str = sys.platform, port: int = PORT
) -> Display:
    """Open a window, or a page where there can be none.

    Args:
        environment: Says whether a desktop is there.
        system: As ``sys.platform``.
        port: The page's; another one where it is taken.

    Raises:
        DeviceError: No port is free.
    """
    return Window() if has_window(environment, system) else Page(port)


def has_window(environment: Mapping[str, str], system: str) -> bool:
    """Tell whether OpenCV can open a window: it is built with one, and a desktop is there.

    Without a desktop Qt would end the whole process.
    """
    desktop = system in ("win32", "darwin") or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if not desktop:
        return False
    lines = import_opencv().getBuildInformation().splitlines()
    return any(line.strip().startswith("GUI:") and "NONE" not in line for line in lines)


class Window:
    """OpenCV's own window; Esc, q or closing it ends the looking."""

    where = "a window; Esc or q ends"

    def __init__(self) -> None:
        self._cv2 = import_opencv()
        self._shown = False

    def show(self, pixels: NDArray[np.uint8]) -> bool:
        """See ``Display``."""
        cv2 = self._cv2
        closed = self._shown and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1
        if closed:
            return False
        cv2.imshow(_TITLE, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        self._shown = True
        return (cv2.waitKey(1) & 0xFF) not in _KEYS_TO_END

    def close(self) -> None:
        """See ``Display``."""
        if self._shown:
            self._cv2.destroyAllWindows()


class Page:
    """A page on 127.0.0.1 with the pictures as Motion JPEG, for any number of browsers here.

    Args:
        port: Its port, or any free one where that is taken.

    Raises:
        DeviceError: No port is free.
    """

    def __init__(self, port: int = PORT) -> None:
        self._changed = threading.Condition()
        self._picture: NDArray[np.uint8] | None = None
        self._number = 0
        self._encoded: tuple[int, bytes] = (0, b"")
        self.ended = False
        self._server = _serve(self, port)
        self.address = f"http://{ADDRESS}:{self._server.server_address[1]}/"
        self.where = f"{self.address}"
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.05,), name="page", daemon=True).start()

    def show(self, pixels: NDArray[np.uint8]) -> bool:
        """See ``Display``; a picture is encoded only where somebody looks."""
        with self._changed:
            self._picture = pixels
            self._number += 1
            self._changed.notify_all()
        return True

    def next_picture(self, after: int) -> tuple[int, bytes]:
        """Wait a while for a picture newer than ``after``; return its number and JPEG."""
        with self._changed:
            if self._number <= after and not self.ended:
                self._changed.wait(_STALL_SECONDS)
            number, picture = self._number, self._picture
            if number != self._encoded[0] and picture is not None:
                self._encoded = (number, encode_jpeg(picture))
            return self._encoded

    def close(self) -> None:
        """See ``Display``."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    page: Page


def _serve(page: Page, port: int) -> _Server:
    for chosen in (port, 0):
        try:
            server = _Server((ADDRESS, chosen), _Answer)
        except OSError as error:
            failed = error
            continue
        server.page = page
        return server
    raise DeviceError(
        f"{ADDRESS}: no page can be served: {failed.strerror}", hint="leave --show out"
    )


class _Answer(BaseHTTPRequestHandler):
    """The page, and its stream of pictures."""

    server: _Server

    def do_GET(self) -> None:
        """Answer a browser of this machine."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in (ADDRESS, "localhost"):  # another site's name that leads here
            self.send_error(403)
        elif self.path == "/":
            body = _PAGE.encode()
            self._head("text/html; charset=utf-8", len(body))
            self.wfile.write(body)
        elif self.path == "/stream":
            self._head(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            self._stream()
        else:
            self.send_error(404)

    def _head(self, kind: str, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _stream(self) -> None:
        number = 0
        page = self.server.page
        try:
            while not page.ended:
                number, jpeg = page.next_picture(number)
                if jpeg:
                    head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                    self.wfile.write(f"{head}Content-Length: {len(jpeg)}\r\n\r\n".encode())
                    self.wfile.write(jpeg + b"\r\n")
        except OSError:  # the browser has gone
            pass

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a library does not print."""
