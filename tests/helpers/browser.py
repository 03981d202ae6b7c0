"""Chromium without a window, told what to do through pipes: the DevTools protocol, no package needed for it."""

import base64
import itertools
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
"""The names by which systems call it."""
_PATIENCE = 60.0
"""The longest wait for an answer or a condition (s); larger: a broken page takes longer to be noticed."""

_PLAIN = str.maketrans("\u2212\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "--0123456789")
"""Minus signs and superscripts, as the page writes numbers."""


def chromium() -> str:
    """Return the path of the browser; `RuntimeError` says how to install it."""
    for name in CHROMIUM:
        if (found := shutil.which(name)) is not None:
            return found
    raise RuntimeError("chromium must be on the PATH for these tests, got none: apt-get install chromium")


class Tab:
    """A page in the browser behind the pipes `told` (written) and `heard` (read)."""

    def __init__(self, told: int, heard: int) -> None:
        self.told, self.heard, self.numbers = told, heard, itertools.count(1)
        self.waiting, self.session, self.failures = b"", "", []
        self.traced: list[dict] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.send(f"{domain}.enable")
        self.requested: list[str] = []

    def send(self, method: str, **params: object) -> dict:
        """Return what the browser answers to `method`."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params} | (
            {"sessionId": self.session} if self.session else {}
        )
        os.write(self.told, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._heard()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _heard(self) -> dict:
        end = time.monotonic() + _PATIENCE
        while b"\0" not in self.waiting:
            if not select.select([self.heard], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            self.waiting += os.read(self.heard, 1 << 20)
        first, _, self.waiting = self.waiting.partition(b"\0")
        message = json.loads(first)
        if message.get("method") == "Runtime.exceptionThrown":
            self.failures.append(json.dumps(message["params"])[:1500])
        if message.get("method") in ("Tracing.dataCollected", "Tracing.tracingComplete"):
            self.traced += message["params"].get("value", [{"name": "complete"}])
        if message.get("method") == "Network.requestWillBeSent":
            self.requested.append(message["params"]["request"]["url"])
        return message

    def view(self, width: int, height: int, *, dark: bool = False, still: bool = False) -> None:
        """Show pages in a window of that size, with the colours and the motion that the user prefers."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        features = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if still else "",
        }
        self.send("Emulation.setEmulatedMedia", features=[{"name": k, "value": v} for k, v in features.items()])

    def open(self, path: Path, screen: str = "") -> None:
        """Load the file at `path` and wait until it is ready."""
        self.send("Page.navigate", url="about:blank")  # or a file that differs behind # alone is not loaded anew
        self.until("location.href === 'about:blank'")
        self.send("Page.navigate", url=f"{path.resolve().as_uri()}{screen}")
        self.until("document.readyState === 'complete' && document.documentElement.dataset.ready !== undefined")

    def go(self, screen: str) -> None:
        """Show the `screen`, #pair say."""
        self.value(f"location.hash = {json.dumps(screen)}")
        section = f"document.querySelector({json.dumps('#screen-' + screen[1:])})"
        self.until(f"{section} && !{section}.hidden")

    def value(self, expression: str) -> object:
        """Return the value of a JavaScript `expression`."""
        told = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(json.dumps(told["exceptionDetails"])[:1000])
        return told["result"].get("value")

    def until(self, condition: str, and_also: Callable[[], bool] = lambda: True) -> None:
        """Wait until the JavaScript `condition` holds, `and_also` what a function tells."""
        end = time.monotonic() + _PATIENCE
        while not (self.value(condition) and and_also()):
            if self.failures or time.monotonic() > end:
                raise TimeoutError(f"{condition} does not come true; {self.failures}")
            time.sleep(0.02)

    def number(self, name: str) -> float:
        """Return the number that the page shows under `name`."""
        shown = str(self.value(f"document.querySelector('section:not([hidden]) [data-name=\"{name}\"]').textContent"))
        return float(shown.translate(_PLAIN).replace("\u00d710", "e"))

    def rest(self) -> None:
        """Wait until the page has computed all that it was asked for."""
        self.until("(document.documentElement.dataset.busy ?? '0') === '0'")

    def centre(self, selector: str, across: float = 0.5, down: float = 0.5) -> tuple[float, float]:
        """Return a place in the element that `selector` finds, in shares of its width and height."""
        box = self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            " return [b.left, b.top, b.width, b.height]; })()"
        )
        return box[0] + across * box[2], box[1] + down * box[3]

    def press(self, selector: str) -> None:
        """Click on the element."""
        self.drag(selector, (0.5, 0.5), (0.5, 0.5))

    def drag(self, selector: str, start: tuple[float, float], end: tuple[float, float], moves: int = 4) -> None:
        """Press the mouse at `start` in the element, in shares of its size, move it to `end` and release it."""
        (x, y), (to_x, to_y) = self.centre(selector, *start), self.centre(selector, *end)
        shared = {"button": "left", "clickCount": 1}
        self.send("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, **shared)
        for k in range(1, moves + 1):
            at = {"x": x + (to_x - x) * k / moves, "y": y + (to_y - y) * k / moves}
            self.send("Input.dispatchMouseEvent", type="mouseMoved", buttons=1, button="left", **at)
        self.send("Input.dispatchMouseEvent", type="mouseReleased", x=to_x, y=to_y, **shared)

    def slide(self, name: str, value: float) -> None:
        """Put the slider of that `name` to `value`, as a hand does."""
        self.value(
            f"(() => {{ const s = document.querySelector('[data-name=\"{name}\"]'); s.value = {value};"
            " s.dispatchEvent(new Event('input', { bubbles: true })); })()"
        )

    def key(self, name: str, code: int) -> None:
        """Press a key, ArrowRight (39) say, in the element that has the focus."""
        for kind in ("rawKeyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)

    def frames(self, act: Callable[[], object]) -> list[float]:
        """Return how long the script of each frame took during `act`, in milliseconds of its thread's own clock."""
        self.traced.clear()
        watched = {"includedCategories": ["devtools.timeline"], "excludedCategories": ["*"]}
        self.send("Tracing.start", traceConfig=watched, transferMode="ReportEvents")
        act()
        self.send("Tracing.end")
        while not any(event["name"] == "complete" for event in self.traced):
            self._heard()
        whole = (one for one in self.traced if one["name"] == "FireAnimationFrame" and "tdur" in one)
        return [1e-3 * event["tdur"] for event in whole]

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG of what is seen, or of the `whole` page, to `path`."""
        told = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))


@contextmanager
def browser() -> Iterator[Tab]:
    """Start the browser for a context and end it, with all that it started, afterwards."""
    (their_in, told), (heard, their_out) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
        ]
        words += ["--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars"]
        path = chromium()
        pipes = [(os.POSIX_SPAWN_DUP2, their_in, 3), (os.POSIX_SPAWN_DUP2, their_out, 4)]
        pipes += [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
        number = os.posix_spawn(
            path, [path, *words, "about:blank"], os.environ, file_actions=pipes, setsid=False, setpgroup=0
        )
        for end in (their_in, their_out):
            os.close(end)
        try:
            yield Tab(told, heard)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(number, signal.SIGTERM)
            with suppress(ChildProcessError):
                os.waitpid(number, 0)
            for end in (told, heard):
                os.close(end)
