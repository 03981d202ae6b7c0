"""Report the progress of a run to a function or a progress bar."""

from typing import TYPE_CHECKING, TypeAlias, cast

from lstm_analog.errors import InvalidTypeError, explain

if TYPE_CHECKING:
    from lstm_analog.engines import Progress

ProgressLike: TypeAlias = "Progress | bool | None"
"""A function of the intervals done and their total, True for a bar, or None or False for neither."""


def told(progress: object) -> "Progress | None":
    """Return the function to call for `progress`, None for none; raise `InvalidTypeError` for anything else."""
    if progress is None or progress is False:
        return None
    if progress is True:
        return progress_bar("running", terminal_only=False)
    if not callable(progress):
        must, do = "be a function of the intervals done and all, or True", "give True for a bar"
        raise InvalidTypeError(explain("progress", must=must, got=ascii(progress)[:80], do=do))
    return cast("Progress", progress)


def progress_bar(label: str, *, terminal_only: bool, unit: str = "interval") -> "Progress":
    """Return a progress bar called `label` on standard error, which appears after two seconds.

    It counts in `unit`. With `terminal_only` it appears only if standard error is a terminal.
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
