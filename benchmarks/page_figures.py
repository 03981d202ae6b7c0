"""What the living page costs: its size, the time until it can be used, script in a frame; and pictures of its screens.

`python benchmarks/page_figures.py [folder]` writes the pages of random LSTMs of 3, 4, 8 and 15 units as plumbing in
full detail, 8 steps, opens them in Chromium and prints a table. A frame's script is timed by the thread's own clock,
which other jobs of the machine do not disturb, as a mean, and by the clock on the wall: while a run is computed, while
a step is played and other runs are computed behind it, and while the network is played. With a `folder`, pictures of
every screen of the page of 4 units go there: at 1280 x 800 and 390 x 844, light and dark.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import lstm_analog as la
from lstm_analog.show.living.demonstrations import PLUMBING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))
from browser import Tab, browser
from measure import conditions, table

X = np.sin(0.9 * np.arange(8.0))[:, None]
ACTS = {
    "computing": ("#network", "document.querySelector('[data-input=\"a wave\"]').click()"),
    "playing a step": ("#step", "document.querySelector('[data-name=step-play]').click()"),
    "playing the network": ("#network", "document.querySelector('[data-name=network-play]').click()"),
}
WATCH = """(() => {
  const frame = page.work.frame;
  globalThis.spans = [];
  page.work.frame = function (now) {
    const begun = performance.now();
    frame.call(this, now);
    spans.push(performance.now() - begun);
  };
})()"""
SECONDS = 4.0


def write(units: int, folder: Path) -> Path:
    """Write the page of a random LSTM of so many `units` to `folder`, and return its path."""
    lstm = la.random_lstm(np.random.default_rng(3), 1, units, scale=3.0, name=f"random_{units}")
    path = folder / f"{units}.html"
    la.show.page(la.compile(lstm, PLUMBING, settling=14.0).run(X), lstm, path, title=f"An LSTM of {units} units")
    return path


def script_time(tab: Tab) -> float:
    """Return the seconds of script so far, by the clock of the thread."""
    metrics = tab.send("Performance.getMetrics")["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "ScriptDuration")


def cells(tab: Tab, path: Path) -> list[str]:
    """Return size, milliseconds until ready, and script in a frame for each of `ACTS`: mean by thread, 95 % and all."""
    tab.open(path)
    found = [f"{path.stat().st_size / 1e3:.0f}", str(tab.value("document.documentElement.dataset.ready"))]
    tab.go("#network")
    tab.rest()
    tab.value(WATCH)
    for screen, act in ACTS.values():
        tab.go(screen)
        tab.value("spans.length = 0")
        before = script_time(tab)
        tab.value(act)
        if "wave" in act:
            tab.rest()
        else:
            time.sleep(SECONDS)
        spans = np.sort(tab.value("spans"))
        mean = 1e3 * (script_time(tab) - before) / spans.size
        found.append(f"{mean:.1f} / {spans[int(0.95 * (spans.size - 1))]:.1f} / {spans[-1]:.1f}")
        if "play" in act:
            tab.value(act)
    assert tab.failures == []
    return found


def pictures(tab: Tab, path: Path, folder: Path) -> None:
    """Write a picture of every screen of the page at `path` to `folder`, in each size and tone."""
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in ((1280, 800), (390, 844)):
        for dark in (False, True):
            tab.view(width, height, dark=dark)
            tab.open(path)
            for screen in tab.value("[...document.querySelectorAll('nav a')].map((link) => link.hash)"):
                tab.go(screen)
                tab.rest()
                time.sleep(0.2)
                tab.picture(folder / f"{screen[1:]}_{width}_{'dark' if dark else 'light'}.png")


def main() -> None:
    """Print the table, and make the pictures if there is a folder for them."""
    print(conditions())
    with tempfile.TemporaryDirectory() as made, browser() as tab:
        tab.send("Performance.enable", timeDomain="threadTicks")
        tab.view(1280, 800)
        rows = []
        for units in (3, 4, 8, 15):
            path = write(units, Path(made))
            rows.append([str(units), *cells(tab, path)])
            if units == 4 and sys.argv[1:]:
                pictures(tab, path, Path(sys.argv[1]))
                tab.view(1280, 800)
        print(
            table(["units", "kB", "ready, ms", *(f"{name}, ms a frame: mean / 95 % / largest" for name in ACTS)], rows)
        )


if __name__ == "__main__":
    main()
