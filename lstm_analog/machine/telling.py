"""How far a run is, told to whoever asked: a function of theirs, or a bar."""

from typing import TYPE_CHECKING, TypeAlias, cast

from lstm_analog.errors import InvalidTypeError, explain

if TYPE_CHECKING:
    from lstm_analog.engines import Progress

ProgressLike: TypeAlias = "Progress | bool | None"
"""A function that is told the intervals done and of how many, True for a bar, or nothing."""


def told(progress: object) -> "Progress | None":
    """Return what is to be told of `progress`, or raise `InvalidTypeError`."""
    if progress is None or progress is False:
        return None
    if progress is True:
        return progress_bar("running", terminal_only=False)
    if not callable(progress):
        must, do = "be a function of the intervals done and all, or True", "give True for a bar"
        raise InvalidTypeError(explain("progress", must=must, got=ascii(progress)[:80], do=do))
    return cast("Progress", progress)


def progress_bar(label: str, *, terminal_only: bool, unit: str = "interval") -> "Progress":
    """Return a bar called `label` on standard error, which shows itself where something takes more than two seconds.

    It counts in `unit`.
    With `terminal_only` it does not where standard error is no terminal.
    """
    from tqdm import tqdm

    silent = None if terminal_only else False
    bar = tqdm(desc=label, unit=unit, delay=2.0, leave=False, mininterval=0.5, disable=silent)

    def tell(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return tell
