"""Every refusal of a model that a test provokes, and its advice executed: `python benchmarks/table_messages.py`.

The tests in tests/model and tests/torch run in this process under a tracing function, which sees what `load`,
`load_model` and `from_torch` raise. What a message advises is executed at once, while the file of the test is there, if
it is a call (`load(path, only='a')`), a name (`only='a'`) or to leave an argument out. What is left is prose: a person
judged each kind of it (`JUDGED`), by its first word. It prints a table of the places that refuse, one a row, and those
kinds, and leaves 1 if an advice failed or is of no kind that was judged; `table_messages.py 60 1` does so for 60 tests
drawn by seed 1. The last full run is in `messages.md`.
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

JUDGED = {
    "save": "the file is damaged, holds something else or lacks a part: what to save, and how, is said",
    "the": "damage that no change of the call mends: fetch or save it again",
    "export": "what the graph computes is beyond what is offered, or it is damaged: the exporter's own option is named",
    "train": "a form or a number that no machine has: only another model helps",
    "build": "a Keras layer or option beyond what is offered; where a part can be taken, the way is added and tried",
    "convert": "numbers of another kind, which a cast of the array changes",
    "remove": "NaN and infinity are weights that nothing computes with",
    "give": "the argument is of another kind, or more is needed that only the user has: it is named",
    "name": "the order of only=, which only the user knows",
    "choose": "names that are there, listed",
    "those": "names that are there, listed",
    "check": "whether the file or the path is what the user thinks: nothing here knows",
    "weight_hh": "two sizes contradict each other: what one of them says is told, not which is right",
    "call": "one call of PyTorch, named; tests/torch executes it",
    "load": "a lazy module has no weights yet; tests/torch executes it",
    "pip": "the extra that pyproject.toml has for that library",
    "find": "none of the recurrent parts can be taken: the call that says why, which is refused by design",
    "put": "where the side file of an ONNX model must lie",
    "rename": "a word in the file names the LSTM: it is the writer's to change",
    "restore": "two calls of orbax and flax, named; tests/model has a tree as these make it",
    "nothing": "a pickle that names code: the safe way to save weights is told",
    "set": "options of Keras that change what the model answers: only another model helps",
    "use": "options of Keras that change what the model answers: only another model helps",
    "take": "an activation apart from the layer: another model of the same answer",
    "move": "a layer at another place: another model",
    "feed": "what the model is to be fed instead",
    "mask": "a layer at another place: another model",
    "let": "another output of the functional model",
}
"""What a person found of the prose that begins with a word, on reading all messages of that kind."""


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
    if re.search(r": leave (?:it|them|config) out", message):
        yield "left out", lambda: followed(around["path"], door)
    if ": find out by only=" in message:
        return
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


def followed(path, door):
    """Read the file at `path` by `door`; where that refuses it for another reason, do what it advises then."""
    try:
        door(path)
    except errors.LstmAnalogError as error:
        further = list(advised(str(error), {"path": path}, door))
        if not further:
            raise
        for _, call in further:
            call()


def of_state_dict(module, only):
    """Save the state dict of `module`, and load a part of it."""
    import torch

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.pt")
        torch.save(module.state_dict(), path)
        return la.load(path, only=only)


def told(part):
    """Return a `part` of a message for a cell of a table, paths without their folders."""
    words = re.sub(r"/[^ ']*/", "", " ".join(part.split())) if str(tempfile.gettempdir()) in part else part
    return " ".join(words.split())[:160].replace("|", "\\|")


def printed(places):
    """Print a row a place, sorted, and the kinds of prose; return how many advices failed or are of no known kind."""
    prose, worked = defaultdict(list), 0
    print("| where | what | must | got | what to do | messages | advice |\n|---|---|---|---|---|---|---|")
    for (module, function, _), place in sorted(places.items()):
        tried = place.worked + len(place.failed)
        if not tried:
            word = place.example[3].removeprefix("say which: ").split(" ")[0]
            prose[word].append(place)
        worked += place.worked
        where = f"{module.removeprefix('lstm_analog.')}.{function}"
        cells = [told(part) for part in place.example]
        print(
            "|",
            " | ".join([where, *cells, str(place.messages), f"{place.worked} of {tried} work" if tried else "prose"]),
            "|",
        )
    print("\n| prose that begins with | places | messages | judged |\n|---|---|---|---|")
    for word, found in sorted(prose.items()):
        print(f"| {word} | {len(found)} | {sum(each.messages for each in found)} | {JUDGED.get(word, 'NOT JUDGED')} |")
    failures = [failure for place in places.values() for failure in place.failed]
    failures += [f"not judged: {word}" for word in prose if word not in JUDGED]
    print(f"\n{len(places)} places, {sum(each.messages for each in places.values())} messages;", end=" ")
    print(f"advice executed {worked} times with success, {len(failures)} failures.")
    print("".join(f"FAILED {failure}\n" for failure in failures), end="")
    return len(failures)


def main():
    count, seed = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 1 else (None, 0)
    recorder = Recorder(count, seed)
    folders = [str(ROOT / "tests" / name) for name in ("model", "torch")]
    code = pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", *folders], plugins=[recorder])
    return int(bool(printed(recorder.places)) or code != 0)


if __name__ == "__main__":
    sys.exit(main())
