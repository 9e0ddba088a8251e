"""What a file holds before it is a structure: format, unpacked bytes, decoded text."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper
from lzma import LZMAError
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile

from matjax.errors import CrystalFileError

_COMPRESSED = (".gz", ".bz2", ".xz", ".zip")
_PIECE = 2**22


def required_file(path: Path) -> Path:
    """The path, if there is a file with content."""
    if path.is_dir():
        raise CrystalFileError(f"{path} is a folder; name a file of a structure in it")
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    if path.stat().st_size == 0:
        raise CrystalFileError(f"{path} is empty; a structure is needed")
    return path


def plain_suffix(path: Path) -> str:
    """Ending of a file's name in lower case, without that of its compression."""
    name = path.name.lower()
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    return Path(name).suffix


def file_format(path: Path, format: str | None) -> str:
    """ASE's name of the format: the given one, or told by name and content."""
    if format is not None:
        return format
    if plain_suffix(path) in (".cif", ".mcif"):
        return "cif"
    from ase.io.formats import filetype

    try:
        return filetype(str(path))
    except Exception as error:
        raise CrystalFileError(
            f"{path} must hold a structure in a format that ASE reads; as unknown it "
            f"cannot be read: {type(error).__name__} {error}"
        ) from error


def file_content(path: Path) -> bytes:
    """Bytes of a file, unpacked."""
    with _unpacked(path) as file:
        return file.read()


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    """The file, as it is before it was compressed."""
    from ase.io.formats import open_with_compression

    try:
        if path.suffix.lower() == ".zip":
            with ZipFile(path) as archive, archive.open(_only_member(archive)) as file:
                yield file
            return
        with open_with_compression(str(path), "rb") as file:
            yield file
    except CrystalFileError:
        raise
    except (
        *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError),
        *(LZMAError, zlib.error, BadZipFile),
    ) as error:
        raise CrystalFileError(
            f"{path} cannot be unpacked: {type(error).__name__} {error}"
        ) from error


def _only_member(archive: ZipFile) -> str:
    """Name of the file in an archive of one."""
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    names = [name for name in names if not name.startswith("__MACOSX/")]
    if len(names) != 1:
        raise ValueError(f"an archive must hold one file; this one holds {names[:5]}")
    return names[0]


def file_text(path: Path) -> str:
    """Text of a file in UTF-8, UTF-16 with its mark, or else Latin 1."""
    content = file_content(path)
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "latin-1"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise CrystalFileError(
        f"{path} must be text in UTF-8, UTF-16 or Latin 1; it is not"
    )


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a file with their ends, read as they are asked for.

    Text as of :func:`file_text`, but UTF-8 or Latin 1 is decided line by line.

    Raises:
        CrystalFileError: when the place is reached where the file cannot be unpacked,
            or is no text.
    """
    with _unpacked(path) as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            yield from file_text(path).splitlines(keepends=True)
            return
        file.seek(0)
        for number, raw in enumerate(file):
            yield from _line(path, raw, "utf-8-sig" if number == 0 else "utf-8")


def text_pieces(path: Path) -> Iterator[str]:
    """Text of a file in UTF-8, some megabytes at once; errors as :func:`text_lines`."""
    with _unpacked(path) as file, TextIOWrapper(file, "utf-8-sig") as text:
        while piece := text.read(_PIECE):
            yield piece


def _line(path: Path, raw: bytes, encoding: str) -> list[str]:
    """The line that ends here; several where carriage returns part them."""
    if b"\0" in raw:
        raise CrystalFileError(
            f"{path} must be text in UTF-8, UTF-16 or Latin 1; it is not"
        )
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = text.replace("\r\n", "\n")
    return text.replace("\r", "\n").splitlines(True) if "\r" in text else [text]


def readable(path: Path, format: str) -> Path | BytesIO | TextIOWrapper:
    """The file, or the content of a compressed one.

    ASE seeks from structure to structure, and a compressed file seeks by unpacking from
    its start: thousands of structures take minutes instead of seconds.
    """
    from ase.io.formats import get_compression, ioformats

    is_packed = get_compression(str(path))[1] is not None or path.suffix == ".zip"
    if not is_packed or not ioformats[format].acceptsfd:
        return path
    content = BytesIO(file_content(path))
    return content if ioformats[format].isbinary else TextIOWrapper(content, "utf-8")
