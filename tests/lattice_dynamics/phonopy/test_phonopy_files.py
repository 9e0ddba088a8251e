"""phonopy's tables: forces, charges, compressed files."""

import gzip

import pytest
from numpy.testing import assert_allclose

import matjax as mj
from tests.lattice_dynamics.phonopy.calculations import (
    Q,
    displaced,
    file_io,
    with_born,
    write_disp,
)

YAML = "phonopy_disp.yaml"


RAW = [
    (YAML, b"\xff\xfe\x00a"),
    (YAML, "Größe: ä".encode("latin-1")),
    (YAML, b""),
    (YAML, b"42"),
    (YAML, b"- 1\n- 2"),
    (YAML, b"unit_cell: {\n"),
    (YAML, b"unit_cell: 2001-99-99\nsupercell: 1"),
    (YAML, b"\x00\x00"),
    (YAML, b"? [a]\n: 1\nunit_cell: 1\nsupercell: 1"),
    (YAML + ".gz", b"no gzip"),
    (YAML + ".gz", gzip.compress(b"unit_cell: 1\n" * 99)[:-12]),
    (YAML + ".xz", b"no xz"),
    ("FORCE_SETS", b""),
    ("FORCE_SETS", b"8"),
    ("FORCE_SETS", b"8\n0\n"),
    ("FORCE_SETS", b"8\n-2\n"),
    ("FORCE_SETS", b"8\n1e300\n"),
    ("FORCE_SETS", b"8\n1.5\n"),
    ("FORCE_SETS", b"8.2\n2\n"),
    ("FORCE_SETS", b"eight"),
    ("FORCE_SETS", b"\xff\xff"),
    ("FORCE_SETS", b"1 2 3 4 5 6\n" * 7),
    ("FORCE_SETS", b"1 2 3 nan 5 6\n" * 8),
    ("FORCE_CONSTANTS", b""),
    ("FORCE_CONSTANTS", b"2 8\n"),
    ("FORCE_CONSTANTS", b"-2 -8\n" + b"1 1\n0 0 0\n0 0 0\n0 0 0\n" * 16),
    ("FORCE_CONSTANTS", b"2 8\n" + b"9 9\n0 0 0\n0 0 0\n0 0 0\n" * 16),
    ("FORCE_CONSTANTS", b"2 8\n" + b"1 1\n0 0 0\n0 0 0\n0 0 0\n" * 16),
    ("FORCE_CONSTANTS", b"2 8\n" + b"1.5 1\n0 0 0\n0 0 0\n0 0 0\n" * 16),
    ("FORCE_CONSTANTS", b"inf 8\n"),
    ("FORCE_CONSTANTS", b"two eight\n"),
    ("BORN", b""),
    ("BORN", b"14.4\n"),
    ("BORN", b"14.4\n1 0 0 0 1 0 0 0 1\n1 0 0 0 x 0 0 0 1\n1 0 0 0 1 0 0 0 1"),
    ("BORN", b"14.4\n1 0 0 0 1 0 0 0 nan\n1 0 0 0 1 0 0 0 1\n1 0 0 0 1 0 0 0 1"),
    *(
        ("BORN", f"{factor}\n2 0 0 0 2 0 0 0 2\n{row}\n-{row}".encode())
        for factor in ("0.0", "-14.4", "nan", "inf")
        for row in ("1 0 0 0 1 0 0 0 1",)
    ),
]


def test_compressed_files_are_read(tmp_path):
    made = displaced("rocksalt")
    write_disp(made, tmp_path)
    expected = mj.read_phonopy(tmp_path).frequencies(Q)
    for name in ("phonopy_disp.yaml", "FORCE_SETS"):
        path = tmp_path / name
        with gzip.open(tmp_path / f"{name}.gz", "wb") as file:
            file.write(path.read_bytes())
        path.unlink()
    assert_allclose(mj.read_phonopy(tmp_path).frequencies(Q), expected)


@pytest.mark.parametrize("name", ["rocksalt", "wurtzite"])
def test_born_files_are_expanded_by_symmetry(name, tmp_path):
    made = with_born(displaced(name))
    params = made.nac_params
    write_disp(made, tmp_path)
    in_yaml = mj.read_phonopy(tmp_path)
    made.nac_params = None
    write_disp(made, tmp_path)
    plain = mj.read_phonopy(tmp_path)
    file_io.write_BORN(
        made.primitive, params["born"], params["dielectric"], tmp_path / "BORN"
    )
    found = mj.read_phonopy(tmp_path)
    without = mj.read_phonopy(tmp_path, polar=False)
    assert_allclose(without.frequencies(Q), plain.frequencies(Q), rtol=0)
    lines = (tmp_path / "BORN").read_text().splitlines()
    assert len(lines) == 4  # two of the four atoms of wurtzite
    assert_allclose(found.source.dipoles.charges, params["born"], atol=1e-7)  # digits
    assert_allclose(found.source.dipoles.dielectric, params["dielectric"], atol=1e-7)
    # 14.4 eV Å in the one, 14.39964 in the other
    assert_allclose(found.frequencies(Q), in_yaml.frequencies(Q), atol=1e-3)
    (tmp_path / "BORN").write_text("\n".join(["14.400", *lines[1:]]))
    found = mj.read_phonopy(tmp_path)
    assert_allclose(found.frequencies(Q), in_yaml.frequencies(Q), atol=1e-6)  # digits
    assert abs(found.frequencies(Q) - plain.frequencies(Q)).max() > 0.1


@pytest.mark.parametrize("number", range(len(RAW)))
def test_damaged_files_are_refused_by_name(texts, tmp_path, number):
    name, content = RAW[number]
    kept = {YAML, "FORCE_SETS"} - {name.partition(".gz")[0].partition(".xz")[0]}
    if name == "FORCE_CONSTANTS":
        kept.discard("FORCE_SETS")
    for other in kept:
        (tmp_path / other).write_text(texts[other])
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=str(tmp_path / name)):
        mj.read_phonopy(tmp_path)


def test_a_byte_order_mark_is_no_damage(texts, tmp_path):
    (tmp_path / YAML).write_text(texts[YAML], encoding="utf-8-sig")
    (tmp_path / "FORCE_SETS").write_text(texts["FORCE_SETS"], encoding="utf-8-sig")
    assert mj.read_phonopy(tmp_path).crystal.n_atoms == 2
