"""Find the files of device models of a process on this computer, and mend copies where a simulator would stop.

The files stay where they are and are named in decks. Only a file with a known slip is copied, with all that it
includes, into the user's cache directory, and mended there.
"""

import os
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from lstm_analog.compiler.bicmos_devices import DeviceFile, Devices
from lstm_analog.errors import LibraryMissingError, explain
from lstm_analog.files import read_bytes
from lstm_analog.network.device_models import (
    ModelLibrary,
    cache_folder,
    library_digest,
    library_files,
    model_library,
    write_cached,
)

_FOLDER = "models"
"""The folder of models within a package of Python."""


def models_of(devices: Devices, corner: str) -> tuple[str | ModelLibrary, ...]:
    """Return the models of `devices` at the `corner` of that name, the typical one if it is empty.

    Raises
    ------
    LibraryMissingError
        If the files are nowhere to be found; the message says where they were looked for.
    FileAccessError
        If one of them cannot be read, or a mended copy not be written.
    InvalidValueError
        If the process has no such corner.
    """
    chosen = devices.corner(corner)
    sections = chosen.sections if chosen else ()
    files = (model_library(place, section) for place, section in zip(model_paths(devices), sections, strict=True))
    return (*devices.models, *files)


def models_digest(devices: Devices) -> str:
    """Return the SHA-256 over the models of `devices`, texts and files in all their sections; raises as `models_of`."""
    told = [*devices.models, *map(library_digest, model_paths(devices))]
    return sha256("\n".join(told).encode()).hexdigest()


def model_paths(devices: Devices) -> tuple[Path, ...]:
    """Return the path of each file of models of `devices`, of a mended copy where one is needed.

    Raises as `models_of`.
    """
    if not devices.files:
        return ()
    folder = model_folder(devices)
    return tuple(_usable(folder / file.name, file) for file in devices.files)


def model_folder(devices: Devices) -> Path:
    """Return the folder of the files of models of `devices`.

    It is the one that the record gives, else that of the environment variable, else that of the installed package.
    Raises `LibraryMissingError` if there is none of these.
    """
    given = devices.folder or os.environ.get(devices.variable, "")
    if given:
        return Path(given)
    folder = _package_folder(devices.package)
    if folder is None:
        must = f"be found: in the folder of the record, in that of ${devices.variable}, or in package {devices.package}"
        do = f"set {devices.variable} to the folder of {devices.files[0].name}, see docs/silicon.md#models"
        raise LibraryMissingError(explain(f"models of {devices.name}", must=must, got="none of these", do=do))
    return folder


def _package_folder(package: str) -> Path | None:
    """Return the folder of models of an installed `package` without importing it, None if it is not installed."""
    try:
        found = find_spec(package) if package else None
    except ModuleNotFoundError:  # of a package around it
        return None
    places = [] if found is None else list(found.submodule_search_locations or ())
    return next((Path(place) / _FOLDER for place in places if (Path(place) / _FOLDER).is_dir()), None)


def _usable(path: Path, file: DeviceFile) -> Path:
    """Return `path`, or that of a mended copy if the `file`, or one that it includes, holds what has to be mended."""
    wrong, right = (text.encode() for text in file.mend)
    if not wrong or not any(wrong in read_bytes(each) for each in library_files(path)):
        return path
    folder = cache_folder() / library_digest(path)[:16]
    for each in library_files(path):
        copy = folder / os.path.relpath(each, path.parent)
        content = read_bytes(each).replace(wrong, right)
        if not copy.exists() or read_bytes(copy) != content:
            write_cached(copy, content)
    return folder / path.name
