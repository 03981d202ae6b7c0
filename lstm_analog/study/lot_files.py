"""Store lots in a folder, one file each, so that an interrupted study can continue."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from lstm_analog.errors import FileAccessError, FileFormatError, explain
from lstm_analog.records import load_record, save_record
from lstm_analog.study.lots import Lot


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredLot:
    """A `lot`, and the `digest` of its study."""

    digest: str
    lot: Lot


_KINDS = MappingProxyType({kind.__name__: kind for kind in (StoredLot, Lot)})


def store_lot(folder: Path, digest: str, lot: Lot) -> None:
    """Write `lot` of the study of that `digest` to a file of `folder`, whole or not at all.

    Raises `FileAccessError` if the file cannot be written.
    """
    save_record(StoredLot(digest=digest, lot=lot), _path(folder, lot.first, lot.values.size))


def stored_lots(folder: Path, digest: str, spans: Iterable[tuple[int, int]]) -> dict[int, Lot]:
    """Return the lots in `folder` of the study with this `digest`, by their first chip; make the folder if missing.

    `spans` are the first chip and the number of chips of each lot to return; other files are left alone.

    Raises `FileAccessError` if the folder cannot be made or read; `FileFormatError` if a file in it is damaged, or of
    another study.
    """
    found = {}
    for path in _files(folder):
        stored = load_record(path, StoredLot, _KINDS)
        lot, count = stored.lot, stored.lot.values.size
        if path != _path(folder, lot.first, count) or lot.values.shape != (len(lot.reasons),):
            do = "remove it: its chips are then computed again"
            raise FileFormatError(explain(f"file {str(path)!r}", must="be as it was written", got="another", do=do))
        if stored.digest != digest:
            must, got = f"be of this study, digest {digest[:12]}", f"another, {stored.digest[:12]}"
            do = "give each study a folder of its own"
            raise FileFormatError(explain(f"file {str(path)!r}", must=must, got=got, do=do))
        found[lot.first, count] = lot
    return {span[0]: found[span] for span in spans if span in found}


def _files(folder: Path) -> list[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return sorted(folder.glob("chips-*.npz"))
    except (OSError, ValueError) as error:
        got, do = getattr(error, "strerror", None) or error, "choose another folder"
        raise FileAccessError(explain(f"folder {str(folder)!r}", must="be writable", got=got, do=do)) from error


def _path(folder: Path, first: int, count: int) -> Path:
    return folder / f"chips-{first}-{first + count - 1}.npz"
