"""Contents of files: packed, encoded, cut short."""

import gzip
from collections import Counter

import pytest

from matjax.crystals import (
    read,
)
from tests.crystals.cif_text import (
    ROCK_SALT,
    ROCK_SALT_CIF,
    cif,
)


def formula(crystal):
    return dict(Counter(crystal.symbols))


ENCODINGS = {
    "byte order mark": lambda t: t.encode("utf-8-sig"),
    "utf-16": lambda t: t.encode("utf-16"),
    "latin-1": lambda t: ("# Åström\n" + t).encode("latin-1"),
    "windows lines": lambda t: t.replace("\n", "\r\n").encode(),
    "old mac lines": lambda t: t.replace("\n", "\r").encode(),
    "comment first": lambda t: ("#\\#CIF_1.1\n# x\n" + t).encode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_of_text_are_read(load, encoding):
    crystal = load(ENCODINGS[encoding](cif(ROCK_SALT)))
    assert formula(crystal) == {"Na": 4, "Cl": 4}


def test_truncated_compressed_file_is_refused(tmp_path):
    path = tmp_path / "x.cif.gz"
    path.write_bytes(gzip.compress(ROCK_SALT_CIF.encode())[:-20])
    with pytest.raises(ValueError, match=r"x\.cif\.gz"):
        read(path)
