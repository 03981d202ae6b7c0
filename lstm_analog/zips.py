"""Read zip archives with size limits. Members are read by name and never extracted to files."""

import stat
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from lstm_analog.errors import FileFormatError, explain

MOST_MEMBERS = 20_000
"""Most members of an archive."""

MOST_EXPANSION = 4
"""Largest unpacked size over the size of the archive, beyond `FREE_EXPANSION`; trained weights hardly compress."""

FREE_EXPANSION = 2**24
"""Unpacked size in bytes that any archive may have."""

_DAMAGE = (
    *(BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError),
    *(ValueError, LookupError, OverflowError),
)
"""Errors that zipfile raises for damage, encryption, offsets beyond the file, unknown versions or compression."""
_ENCRYPTED = 0x1


@dataclass(frozen=True, kw_only=True, eq=False)
class Archive:
    """A zip archive with a checked directory."""

    archive: ZipFile
    members: Mapping[str, ZipInfo]

    def read(self, name: str) -> bytes:
        """Return the content of the member `name`, or raise `FileFormatError`."""
        if name not in self.members:
            do = "the file is damaged: save or fetch it again"
            raise FileFormatError(explain("archive", must=f"have a member {name[:80]!a}", got="none", do=do))
        info = self.members[name]
        try:
            with self.archive.open(info) as stream:
                data = stream.read(info.file_size + 1)
        except _DAMAGE as error:
            raise _damaged(name, error) from error
        if len(data) != info.file_size:
            raise _damaged(name, f"{len(data)} bytes where {info.file_size} were declared")
        return data


def open_archive(content: bytes) -> Archive:
    """Return the archive in `content`.

    Raises
    ------
    FileFormatError
        If its directory is damaged, names a member twice, has a path out of the archive or a link, needs a password
        or another compression than deflate, or declares more than `MOST_EXPANSION` times the size of the file.
    """
    try:
        archive = ZipFile(BytesIO(content))
        infos = archive.infolist()
    except _DAMAGE as error:
        raise _damaged("directory", error) from error
    if len(infos) > MOST_MEMBERS:
        raise _refused(f"have at most {MOST_MEMBERS} members", str(len(infos)))
    for info in infos:
        _check(info)
    if len({info.filename for info in infos}) < len(infos):
        raise _refused("name each member once", "a name twice")
    total, most = sum(info.file_size for info in infos), FREE_EXPANSION + MOST_EXPANSION * len(content)
    if total > most:
        raise _refused(f"unpack to at most {most} bytes", f"{total} bytes, a zip bomb")
    return Archive(archive=archive, members={info.filename: info for info in infos})


def member_names(content: bytes) -> tuple[str, ...]:
    """Return the names of the members of the zip archive in `content`; raises as `open_archive` does."""
    return tuple(open_archive(content).members)


def _check(info: ZipInfo) -> None:
    parts = info.filename.replace("\\", "/").split("/")
    if ".." in parts or info.filename.startswith(("/", "\\")) or ":" in parts[0]:
        raise _refused("have no member that leads out of it", ascii(info.filename[:80]))
    if stat.S_ISLNK(info.external_attr >> 16):
        raise _refused("have no links", ascii(info.filename[:80]))
    if info.flag_bits & _ENCRYPTED:
        raise _refused("ask for no password", ascii(info.filename[:80]))
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise _refused("be stored or deflated", f"compression {info.compress_type} of {info.filename[:80]!a}")


def _refused(must: str, got: str) -> FileFormatError:
    return FileFormatError(explain("archive", must=must, got=got, do="save it with the framework's own function"))


def _damaged(name: str, error: object) -> FileFormatError:
    got, do = ascii(str(error))[:160], "the file is damaged: save or fetch it again"
    return FileFormatError(explain(f"archive member {name[:80]!a}", must="be readable", got=got, do=do))
