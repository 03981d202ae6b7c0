"""What the living page costs: its size, the time until it can be used, script in a frame; and pictures of its screens.

`python benchmarks/page_figures.py [folder]` writes the pages of random LSTMs of 3, 4, 8 and 15 units as plumbing in
full detail, 8 steps, opens them in Chromium and prints a table. The script of a frame is timed by its thread's own
clock, which other jobs of the machine disturb less: while a run is computed, while a step is played and other runs are
computed behind it, and while the network is played. With a `folder`, pictures of every screen of the page of 4 units go
there: at 1280 x 800 and 390 x 844, light and dark.
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
SECONDS = 4.0


def write(units: int, folder: Path) -> Path:
    """Write the page of a random LSTM of so many `units` to `folder`, and return its path."""
    lstm = la.random_lstm(np.random.default_rng(3), 1, units, scale=3.0, name=f"random_{units}")
    path = folder / f"{units}.html"
    la.show.page(la.compile(lstm, PLUMBING, settling=14.0).run(X), lstm, path, title=f"An LSTM of {units} units")
    return path


def cells(tab: Tab, path: Path) -> list[str]:
    """Return size, milliseconds until ready, and the script in a frame for each of `ACTS`: median, 99 % and largest."""
    tab.open(path)
    found = [f"{path.stat().st_size / 1e3:.0f}", str(tab.value("document.documentElement.dataset.ready"))]
    tab.go("#network")
    tab.rest()
    for name, (screen, act) in ACTS.items():
        tab.go(screen)

        def acted(name: str = name, act: str = act) -> None:
            tab.value(act)
            if name == "computing":
                tab.rest()
            else:
                time.sleep(SECONDS)
                tab.value(act)

        frames = tab.frames(acted)
        found.append(" / ".join(f"{value:.1f}" for value in np.quantile(frames, (0.5, 0.99, 1.0))))
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
        tab.view(1280, 800)
        rows = []
        for units in (3, 4, 8, 15):
            path = write(units, Path(made))
            rows.append([str(units), *cells(tab, path)])
            if units == 4 and sys.argv[1:]:
                pictures(tab, path, Path(sys.argv[1]))
                tab.view(1280, 800)
        print(
            table(
                ["units", "kB", "ready, ms", *(f"{name}, ms a frame: median / 99 % / largest" for name in ACTS)], rows
            )
        )


if __name__ == "__main__":
    main()
