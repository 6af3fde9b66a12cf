"""Reads a page as a browser would: what it fetches, and whether its tags close."""

from __future__ import annotations

from html.parser import HTMLParser


class Tags(HTMLParser):
    """Collects what a browser would fetch, and whether the tags close."""

    def __init__(self):
        super().__init__()
        self.links, self.open, self.pictures, self.scripts = [], [], 0, 0

    def handle_starttag(self, tag, attributes):
        self.links += [v for k, v in attributes if k in ("src", "href", "srcset", "data")]
        self.pictures += tag == "img"
        self.scripts += tag in ("script", "link", "iframe")
        if tag not in ("meta", "img", "line", "polyline", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.links += [v for k, v in attributes if k in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(text):
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert tags.open == []
    return tags
