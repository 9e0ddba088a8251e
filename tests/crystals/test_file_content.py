"""Contents of files: packed, encoded, cut short."""

import gzip
from collections import Counter

import pytest

from matjax.crystals import (
    read,
)
from tests.crystals.cif_text import (
    ROCK_SALT,
    cif,
)

ROCK_SALT_CIF = """data_NaCl
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na 0 0 0 1
Cl1 Cl 0.5 0.5 0.5 1
"""


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
