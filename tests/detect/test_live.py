import http.client
import io
import socket

import numpy as np
import pytest
from PIL import Image

from od.detect import live
from od.detect.live import ADDRESS, Page, Window, has_window, open_display


@pytest.fixture
def page():
    opened = Page(0)
    yield opened
    opened.close()


def get(page, path, host=None):
    port = int(page.address.split(":")[2].strip("/"))
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    return connection.getresponse()


def next_jpeg(response):
    """Read one part of a Motion JPEG stream."""
    length = 0
    while (line := response.readline().strip()) or not length:
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    pixels = np.asarray(Image.open(io.BytesIO(response.read(length))))
    response.readline()
    return pixels


def test_the_page_shows_a_picture_after_the_other(page):
    assert page.show(np.full((48, 64, 3), 50, np.uint8))
    body = get(page, "/").read().decode()
    stream = get(page, "/stream")

    assert "<img src=/stream" in body
    assert stream.headers["Content-Type"].startswith("multipart/x-mixed-replace")
    assert abs(next_jpeg(stream).mean() - 50) < 2
    page.show(np.full((48, 64, 3), 200, np.uint8))
    assert abs(next_jpeg(stream).mean() - 200) < 2


def test_the_page_is_for_this_machine_only(page):
    assert page.address.startswith("http://127.0.0.1:")
    assert get(page, "/", host="evil.example").status == 403
    assert get(page, "/stream", host="evil.example:80").status == 403
    assert get(page, "/", host="localhost:1").status == 200
    assert get(page, "/etc/passwd").status == 404


def test_a_browser_that_goes_away_ends_nothing(page):
    page.show(np.zeros((48, 64, 3), np.uint8))
    get(page, "/stream").close()
    for value in range(5):
        assert page.show(np.full((48, 64, 3), value, np.uint8))
    assert get(page, "/").status == 200


def test_a_taken_port_is_no_error():
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        page = Page(taken.getsockname()[1])
        assert get(page, "/").status == 200
        page.close()


def test_without_a_desktop_there_is_a_page():
    assert not has_window({}, "linux")
    display = open_display(environment={}, system="linux", port=0)
    assert display.where.startswith("http://127.0.0.1:")
    display.close()


class StandInWindows:
    """OpenCV with windows; the keys are what somebody presses."""

    WND_PROP_VISIBLE, COLOR_RGB2BGR = 4, 4

    def __init__(self, keys=(), gui="QT5"):
        self.keys, self.gui, self.shown, self.visible = list(keys), gui, [], 1

    def getBuildInformation(self):
        return f"General configuration\n  GUI:                           {self.gui}\n"

    def cvtColor(self, pixels, _):
        return pixels[:, :, ::-1]

    def imshow(self, title, pixels):
        self.shown.append(pixels)

    def waitKey(self, _):
        return self.keys.pop(0) if self.keys else -1

    def getWindowProperty(self, *_):
        return self.visible

    def destroyAllWindows(self):
        self.shown.clear()


@pytest.mark.parametrize(("gui", "window"), [("QT5", True), ("GTK3", True), ("NONE", False)])
def test_a_window_is_opened_where_opencv_has_one(monkeypatch, gui, window):
    monkeypatch.setattr(live, "import_opencv", lambda: StandInWindows(gui=gui))

    assert has_window({"DISPLAY": ":0"}, "linux") is window
    assert has_window({}, "darwin") is window


@pytest.mark.parametrize(
    ("keys", "visible", "going_on"),
    [
        pytest.param([-1, ord("q")], 1, [True, False], id="q"),
        pytest.param([-1, 27], 1, [True, False], id="Esc"),
        pytest.param([-1, -1], 0, [True, False], id="closed"),
        pytest.param([-1, ord("x")], 1, [True, True], id="another key"),
    ],
)
def test_a_key_or_closing_the_window_ends_the_looking(monkeypatch, keys, visible, going_on):
    stand_in = StandInWindows(keys)
    monkeypatch.setattr(live, "import_opencv", lambda: stand_in)
    red = np.array([[[200, 0, 0]]], np.uint8)
    window = Window()
    first = window.show(red)
    assert stand_in.shown[0].tolist() == [[[0, 0, 200]]]
    stand_in.visible = visible

    assert [first, window.show(red)] == going_on
    window.close()
