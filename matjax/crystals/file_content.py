"""What a file holds before it is a structure: format, unpacked bytes, decoded text."""

from __future__ import annotations

import zlib
from io import BytesIO, TextIOWrapper
from lzma import LZMAError
from pathlib import Path

from matjax.errors import CrystalFileError

_COMPRESSED = (".gz", ".bz2", ".xz")


def required_file(path: Path) -> Path:
    """The path, if there is a file with content."""
    if path.is_dir():
        raise CrystalFileError(f"{path} is a folder; name a file of a structure in it")
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    if path.stat().st_size == 0:
        raise CrystalFileError(f"{path} is empty; a structure is needed")
    return path


def file_format(path: Path, format: str | None) -> str:
    """ASE's name of the format: the given one, or told by name and content."""
    if format is not None:
        return format
    name = path.name.lower()
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    if name.endswith((".cif", ".mcif")):
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
    from ase.io.formats import open_with_compression

    try:
        with open_with_compression(str(path), "rb") as file:
            return file.read()
    except (OSError, EOFError, ValueError, LZMAError, zlib.error) as error:
        raise CrystalFileError(
            f"{path} cannot be unpacked: {type(error).__name__} {error}"
        ) from error


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


def readable(path: Path, format: str) -> Path | BytesIO | TextIOWrapper:
    """The file, or the content of a compressed one.

    ASE seeks from structure to structure, and a compressed file seeks by unpacking from
    its start: thousands of structures take minutes instead of seconds.
    """
    from ase.io.formats import get_compression, ioformats

    if get_compression(str(path))[1] is None or not ioformats[format].acceptsfd:
        return path
    content = BytesIO(file_content(path))
    return content if ioformats[format].isbinary else TextIOWrapper(content, "utf-8")
