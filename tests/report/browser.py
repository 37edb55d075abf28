"""A real headless Chromium, driven over DevTools pipes with the standard library alone.

python -m tests.report.browser report.html shot      writes shot-light-1280.png and its three sisters
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["BROWSER", "Page", "opened"]

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZES = (1280, 400)
SCHEMES = ("light", "dark")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Page:
    """One open page; `requests`: what it asked for, `complaints`: what the browser logged."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._held, self._number = b"", 0
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", {"url": "about:blank"}, "")["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True}, "")["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """A DevTools command of this page, and its result."""
        return self._call(method, parameters, self._session)

    def show(self, path: Path, width: int, scheme: str) -> None:
        """Open a file at a width, light or dark."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=path.resolve().as_uri())
        while self._event()["method"] != "Page.loadEventFired":
            pass

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self) -> bytes:
        """The whole page as PNG."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    def _call(self, method: str, parameters: dict[str, Any], session: str) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._write, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            found = self._receive()
            if found.get("id") == self._number:
                assert "error" not in found, found
                return found["result"]
            self._note(found)

    def _event(self) -> Any:
        found = self._receive()
        self._note(found)
        return found

    def _note(self, event: Any) -> None:
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(event["params"]["request"]["url"])
        if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown"):
            self.complaints.append(json.dumps(event["params"]))

    def _receive(self) -> Any:
        while b"\0" not in self._held:
            found = os.read(self._read, 1 << 16)
            assert found, "the browser has gone"
            self._held += found
        message, _, self._held = self._held.partition(b"\0")
        return json.loads(message)


@contextmanager
def opened() -> Iterator[Page]:
    """A page of a browser that ends with the block."""
    assert BROWSER is not None
    commands, answers = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        script = 'exec "$@" 3<&"$IN" 4>&"$OUT"'
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", BROWSER, *_FLAGS, f"--user-data-dir={profile}"],
            env=os.environ | {"IN": str(commands[0]), "OUT": str(answers[1])},
            pass_fds=(commands[0], answers[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands[0])
        os.close(answers[1])
        try:
            yield Page(commands[1], answers[0])
        finally:
            os.close(commands[1])
            os.close(answers[0])
            process.terminate()
            process.wait(30)


def main(path: str, prefix: str) -> None:
    """Four pictures of a page."""
    with opened() as page:
        for scheme in SCHEMES:
            for width in SIZES:
                page.show(Path(path), width, scheme)
                Path(f"{prefix}-{scheme}-{width}.png").write_bytes(page.picture())


if __name__ == "__main__":
    main(*sys.argv[1:])
