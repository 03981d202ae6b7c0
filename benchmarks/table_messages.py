"""Every refusal of a model that a test provokes, and its advice executed: `python benchmarks/table_messages.py`.

The tests in tests/model and tests/torch run in this process under a tracing function, which sees what `load`,
`load_model` and `from_torch` raise. What a message advises is executed at once, while the file of the test is there, if
it is a call (`load(path, only='a')`) or a name (`only='a'`). What is left is prose, listed for a person to judge. It
prints a table of the places that refuse, one a row, and leaves 1 if an advice failed; `table_messages.py 60 1` does so
for 60 tests drawn by seed 1.
"""

import ast
import re
import sys
import tempfile
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

import lstm_analog as la
from lstm_analog import errors

ROOT = Path(__file__).resolve().parent.parent
CALL = re.compile(r"\b(?:load|load_model|load_machine)\(path(?:[^()]|\([^()]*\))*\)")
ONLY = re.compile(r"only=(?P<one>'(?:[^'\\]|\\.)*'|\([^()]*\))\)?(?: \(or (?P<others>.*?)\))?(?=[,:; )]|$)")
NAME = re.compile(r"'(?:[^'\\]|\\.)*'")
GIVEN = ("path", "config", "weights", "module")
HELD_BACK = ("...", "'model.json'")
"""What stands in an advice for what only the user has: numbers, the file of an architecture."""


@dataclass
class Place:
    """Where messages come from: examples of what they say, and what came of their advice."""

    example: tuple[str, str, str, str]
    messages: int = 0
    worked: int = 0
    failed: list[str] = field(default_factory=list)


class Recorder:
    """A plug-in of pytest that notes each refusal of a test, and executes its advice."""

    def __init__(self, count=None, seed=0):
        self.count, self.seed = count, seed
        self.places = {}
        self.said = {}
        self.doors = {door.__wrapped__.__code__: door for door in (la.load, la.load_model)}
        with suppress(errors.LibraryMissingError):
            self.doors[la.from_torch.__code__] = la.from_torch

    def pytest_collection_modifyitems(self, items):
        if self.count is not None:
            items[:] = Random(self.seed).sample(items, min(self.count, len(items)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self):
        self.said.clear()
        sys.settrace(self.called)
        try:
            return (yield)
        finally:
            sys.settrace(None)

    def called(self, frame, event, value):
        """Note what `explain` says and from where; follow a door that the test called, and nothing else."""
        if frame.f_code is errors.explain.__code__:
            given, caller = dict(frame.f_locals), frame.f_back
            parts = tuple(str(given[name]) for name in ("what", "must", "got", "do"))
            text = errors.explain(parts[0], must=parts[1], got=parts[2], do=parts[3])
            self.said[text] = (caller.f_globals["__name__"], caller.f_code.co_name, parts)
        elif frame.f_code in self.doors and not inside(frame.f_back):
            raised = []
            return lambda frame, event, value: self.followed(raised, frame, event, value)
        return None

    def followed(self, raised, frame, event, value):
        """Note what a door raises at its end."""
        if event == "exception":
            raised[:] = [value[1]]
        if event == "return" and raised and isinstance(raised[0], errors.LstmAnalogError) and value is None:
            self.noted(str(raised[0]), {key: frame.f_locals.get(key) for key in GIVEN}, self.doors[frame.f_code])

    def noted(self, message, given, door):
        fits = [text for text in self.said if text in message]
        if not fits:
            return
        module, function, parts = self.said[max(fits, key=len)]
        place = self.places.setdefault((module, function, generic(parts[1])), Place(example=parts))
        place.messages += 1
        for advice, call in advised(message, given, door):
            try:
                call()
                place.worked += 1
            except Exception as error:  # noqa: BLE001 - whatever comes of an advice is told
                place.failed.append(f"{advice}: {type(error).__name__} {error}"[:300])


def inside(frame):
    """Whether a door was called by the package itself, other than through what checks its arguments."""
    name = frame.f_globals.get("__name__", "")
    frame = frame.f_back if name == "lstm_analog.doors" else frame
    return frame.f_globals.get("__name__", "").startswith("lstm_analog")


def generic(text):
    """Return `text` without the names and numbers that differ from file to file."""
    return re.sub(r"[0-9]+", "#", NAME.sub("'...'", text))[:80]


def advised(message, given, door):
    """Yield each call that `message` advises, as text and to be made with what was `given` to the `door`."""
    around = {key: value for key, value in given.items() if value is not None} | {
        "load": la.load,
        "load_model": la.load_model,
        "load_machine": la.load_machine,
    }
    calls = [match for match in CALL.findall(message) if not any(word in match for word in HELD_BACK)]
    for call in calls:
        yield call, lambda call=call: eval(call, dict(around))
    rest = {key: value for key, value in given.items() if key in ("config", "weights") and value is not None}
    for match in ONLY.finditer(message):
        for names in (match["one"], *NAME.findall(match["others"] or "")):
            only = ast.literal_eval(names)
            if "save its state_dict" in message:
                yield f"only={names}", lambda only=only: of_state_dict(around["module"], only)
            elif "module" in around:
                yield f"only={names}", lambda only=only: door(around["module"], only=only)
            else:
                yield f"only={names}", lambda only=only: la.load(around["path"], only=only, **rest)


def of_state_dict(module, only):
    """Save the state dict of `module`, and load a part of it."""
    import torch

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.pt")
        torch.save(module.state_dict(), path)
        return la.load(path, only=only)


def printed(places):
    """Print a row a place, sorted; then what failed."""
    tally = defaultdict(int)
    print("| where | what | must | got | what to do | messages | advice |\n|---|---|---|---|---|---|---|")
    for (module, function, _), place in sorted(places.items()):
        tried = place.worked + len(place.failed)
        kind = f"{place.worked} of {tried} work" if tried else "prose"
        tally["executed" if tried else "prose"] += 1
        tally["worked"] += place.worked
        tally["failed"] += len(place.failed)
        where = f"{module.removeprefix('lstm_analog.')}.{function}"
        cells = [" ".join(part.split())[:160].replace("|", "\\|") for part in place.example]
        print("|", " | ".join([where, *cells, str(place.messages), kind]), "|")
    print(f"\n{len(places)} places, {sum(place.messages for place in places.values())} messages;", dict(tally))
    for place in places.values():
        for failure in place.failed:
            print(f"FAILED {failure}")
    return tally["failed"]


def main():
    count, seed = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 1 else (None, 0)
    recorder = Recorder(count, seed)
    folders = [str(ROOT / "tests" / name) for name in ("model", "torch")]
    code = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", *folders], plugins=[recorder])
    return int(bool(printed(recorder.places)) or code != 0)


if __name__ == "__main__":
    sys.exit(main())
