"""CIFs that contradict themselves or leave the crystal open: each is refused."""

import pytest

from matjax.crystals import read
from matjax.errors import CrystalFileError
from tests.crystals.cif_text import (
    CUBIC,
    ROCK_SALT,
    SALT,
    cif,
    operations_loop,
)

HM = "_symmetry_space_group_name_H-M '{}'"
HALL = "_space_group_name_Hall '{}'"
NUMBER = "_symmetry_Int_Tables_number {}"
FULL = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")


def cell(**changes):
    names = ("a", "b", "c", "alpha", "beta", "gamma")
    return tuple(changes.get(n, v) for n, v in zip(names, CUBIC, strict=True))


def occupied(value):
    return cif(ROCK_SALT, sites=[f"{SALT[0]} {value}", f"{SALT[1]} 1"], columns=FULL)


def without(tag):
    lines = cif(ROCK_SALT).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(tag))


def typed(symbol):
    return cif(ROCK_SALT, sites=[f"a1 '{symbol}' 0 0 0", SALT[1]])


def placed(*texts):
    return cif(ROCK_SALT, sites=[f"Na1 Na {' '.join(texts)}", SALT[1]])


CASES = {
    # statements of symmetry against one another
    "symbol against number": (cif(HM.format("F m -3 m"), NUMBER.format(1)), "agree"),
    "number 14 of 15": (cif(HM.format("P 21/n"), NUMBER.format(15)), "agree"),
    "Hall against symbol": (cif(HALL.format("P 1"), HM.format("F m -3 m")), "agree"),
    "Hall against number": (cif(HALL.format("P 1"), NUMBER.format(225)), "agree"),
    "Hall n against c": (cif(HALL.format("-P 2yn"), HM.format("P 21/c")), "agree"),
    "operations n against c": (
        cif(
            HM.format("P 21/c"),
            operations_loop(
                ["x,y,z", "-x+1/2,y+1/2,-z+1/2", "-x,-y,-z", "x+1/2,-y+1/2,z+1/2"]
            ),
        ),
        "agree",
    ),
    "operations of P 1 against symbol": (
        cif(HM.format("F m -3 m"), operations_loop(["x,y,z"])),
        "agree",
    ),
    "operations against Hall": (
        cif(HALL.format("-P 1"), operations_loop(["x,y,z", "-x,-y,z"])),
        "agree",
    ),
    "operations against number": (
        cif(NUMBER.format(2), operations_loop(["x,y,z", "-x,-y,z"])),
        "agree",
    ),
    "operation missing": (
        cif(operations_loop(["x,y,z", "-x,-y,z", "-x,y,-z"])),
        "must form a group",
    ),
    "no identity": (cif(operations_loop(["-x,-y,-z"])), "must form a group"),
    "operation of two parts": (cif(operations_loop(["x,y,z", "-x,-y"])), "written"),
    "operation of words": (cif(operations_loop(["x,y,z", "hello"])), "written"),
    "operation that scales": (cif(operations_loop(["x,y,z", "2*x,y,z"])), "keep"),
    "operation that flattens": (cif(operations_loop(["x,y,z", "x,x,z"])), "keep"),
    "unknown symbol": (cif(HM.format("Q m -3 m")), "none that is known"),
    "unknown Hall symbol": (cif(HALL.format("junk")), "not understood"),
    "number 0": (cif(NUMBER.format(0)), "1 to 230"),
    "number 231": (cif(NUMBER.format(231)), "1 to 230"),
    "number -5": (cif(NUMBER.format(-5)), "1 to 230"),
    "number of letters": (cif(NUMBER.format("abc")), "1 to 230"),
    "suffix without meaning": (cif(HM.format("F m -3 m:7")), "none that is known"),
    "origin 2 of a group that has one": (
        cif(HM.format("F m -3 m:2")),
        "none that is known",
    ),
    "rhombohedral symbol of a hexagonal cell": (
        cif(HM.format("R -3 m:R"), cell=cell(gamma=120)),
        "cell must have the symmetry",
    ),
    "hexagonal symbol of a rhombohedral cell": (
        cif(HM.format("R -3 m:H"), cell=cell(alpha=70, beta=70, gamma=70)),
        "cell must have the symmetry",
    ),
    "cubic symbol of a tetragonal cell": (
        cif(ROCK_SALT, cell=cell(c=6.2)),
        "cell must have the symmetry",
    ),
    "cubic operations of a monoclinic cell": (
        cif(operations_loop(["x,y,z", "z,x,y", "y,z,x"]), cell=cell(beta=95)),
        "cell must have the symmetry",
    ),
    "open origin": (
        cif(HM.format("F d -3 m"), sites=["Si Si 0 0 0"]),
        "origin or the axes",
    ),
    "open origin by number": (
        cif(NUMBER.format(227), sites=["Si Si 0 0 0"]),
        "origin or the axes",
    ),
    "open by a question mark": (cif(HM.format("?")), "must be stated"),
    "operations of a question mark": (cif(operations_loop(["?"])), "must be stated"),
    "crystal system alone": (cif("_symmetry_cell_setting cubic"), "must be stated"),
    "two symbols": (
        cif(ROCK_SALT, HM.format("P m -3 m")),
        "symbols must agree",
    ),
    "two numbers": (
        cif(NUMBER.format(225), "_space_group_IT_number 221"),
        "one space-group number",
    ),
    "centred symbol of another group": (
        cif(HM.format("C 2"), NUMBER.format(5), cell=cell(gamma=100)),
        "cell must have the symmetry|agree",
    ),
    "modulated": (cif("_cell_modulation_dimension 1"), "modulated"),
    # the cell
    **{
        f"missing {tag}": (without(tag), tag)
        for tag in (
            "_cell_length_a",
            "_cell_length_b",
            "_cell_length_c",
            "_cell_angle_alpha",
            "_cell_angle_beta",
            "_cell_angle_gamma",
        )
    },
    "no cell": (without("_cell"), "_cell_length_a"),
    "negative length": (cif(cell=cell(a=-5.64)), "positive"),
    "length 0": (cif(cell=cell(b=0)), "positive"),
    "length nan": (cif(cell=cell(a="nan")), "_cell_length_a must be a number"),
    "length inf": (cif(cell=cell(a="inf")), "_cell_length_a must be a number"),
    "length 1e999": (cif(cell=cell(a="1e999")), "_cell_length_a must be a number"),
    "length of words": (cif(cell=cell(a="five")), "_cell_length_a must be a number"),
    "length unknown": (cif(cell=cell(a="?")), "_cell_length_a"),
    "angle 0": (cif(cell=cell(alpha=0)), "angle"),
    "angle 180": (cif(cell=cell(gamma=180)), "angle"),
    "angle -90": (cif(cell=cell(gamma=-90)), "angle"),
    "angles without volume": (cif(cell=cell(alpha=150, beta=20)), "angle"),
    "huge cell": (cif(cell=cell(a=1e6)), "within"),
    "flat cell": (cif(cell=cell(c=1e-8)), "must reach at most|span a volume"),
    "tiny cell": (cif(cell=cell(a=1e-3, b=1e-3, c=1e-3)), "must reach at most"),
    "cell in nanometers": (cif(ROCK_SALT, cell=(0.564,) * 3 + (90,) * 3), "apart"),
    # sites
    "coordinates unknown": (placed("?", "?", "?"), "site Na1.*add them"),
    "coordinates default": (placed(".", ".", "."), "site Na1.*add them"),
    "one coordinate unknown": (placed("0", "?", "0"), "site Na1"),
    "coordinate nan": (placed("nan", "0", "0"), "must be numbers"),
    "coordinate inf": (placed("inf", "0", "0"), "must be numbers"),
    "coordinate 1e17": (placed("1e17", "0", "0"), "near the cell"),
    "coordinate 1e999": (placed("1e999", "0", "0"), "near the cell"),
    "coordinate 1/0": (placed("1/0", "0", "0"), "must be numbers"),
    "coordinate of words": (placed("zero", "0", "0"), "must be numbers"),
    "coordinate 0x1": (placed("0x1", "0", "0"), "must be numbers"),
    "coordinate 1_0": (placed("1_0", "0", "0"), "must be numbers"),
    "coordinate with comma": (placed("0,5", "0", "0"), "must be numbers"),
    "Cartesian coordinates only": (
        cif().replace("fract_", "Cartn_"),
        "fractional coordinates",
    ),
    "no z": (
        cif(
            columns=("label", "type_symbol", "fract_x", "fract_y"),
            sites=("Na Na 0 0",),
        ),
        "fractional coordinates",
    ),
    "no label": (
        cif(columns=("fract_x", "fract_y", "fract_z"), sites=("0 0 0",)),
        "labels or type",
    ),
    "site listed twice": (cif(ROCK_SALT, sites=[*SALT, "K K 0 0 0"]), "listed once"),
    "image listed": (cif(ROCK_SALT, sites=[*SALT, "K K 0 .5 .5"]), "listed once"),
    "site listed twice, rounded": (
        cif(ROCK_SALT, sites=[*SALT, "K K 0.001 0 0"]),
        "listed once",
    ),
    "hydrogens mentioned": (
        cif(
            ROCK_SALT,
            columns=(*FULL[:5], "attached_hydrogens"),
            sites=("N N 0 0 0 4", "Cl Cl .5 .5 .5 0"),
        ),
        "4 hydrogen atoms",
    ),
    "atoms in one another": (cif(sites=[*SALT, "H H 0 0 0.1"]), "apart"),
    "near a special position": (
        cif(ROCK_SALT, sites=["Na Na 0.0312 0.0001 0", SALT[1]]),
        "apart|special position",
    ),
    # occupancy
    **{
        f"occupancy {value}": (occupied(value), "ccupancy")
        for value in ("2", "1.1", "0.5", "0", "-1", "0.99", "0.333(2)", "abc", "nan")
    },
    # species
    **{
        f"type {symbol}": (typed(symbol), "one known element")
        for symbol in (
            "0.75Si + 0.25Al",
            "Si/Al",
            "Si,Al",
            "Fe,Mn",
            "Xx",
            "X",
            "Zz2+",
            "Vac",
            "OH",
            "H2O",
            "NH4",
            "Wat",
            "99",
            "+",
            "Na?",
            "M",
            "Å",
        )
    },
    "isotope of unknown mass": (typed("99Na"), "isotopes known"),
    # formula
    "formula with missing hydrogens": (
        cif(ROCK_SALT, "_chemical_formula_sum 'Na Cl H2 O'"),
        "must give the formula",
    ),
    "formula of other ratio": (
        cif(ROCK_SALT, "_chemical_formula_sum 'Na2 Cl'"),
        "must give the formula",
    ),
    "formula of other elements": (
        cif(ROCK_SALT, "_chemical_formula_sum 'K Cl'"),
        "must give the formula",
    ),
    "asymmetric unit of Z formulas": (
        cif("_chemical_formula_sum NaCl\n_cell_formula_units_Z 4"),
        "must give the formula",
    ),
    "Z of 0": (
        cif(ROCK_SALT, "_chemical_formula_sum NaCl\n_cell_formula_units_Z 0"),
        "must give the formula",
    ),
    "other Z": (
        cif(ROCK_SALT, "_chemical_formula_sum NaCl\n_cell_formula_units_Z 8"),
        "must give the formula",
    ),
    # syntax
    "no block": ("hello", "syntax is wrong"),
    "only a header": ("data_x\n", "holds no structure"),
    "no sites": ("data_x\n_cell_length_a 3\n", "holds no structure"),
    "template": (
        cif(sites=("? ? ? ? ?",)),
        "holds no structure",
    ),
    "tag without value": (cif() + "_cell_length_a\n", "syntax|duplicate"),
    "duplicate tag": ("data_x\n_a 1\n_a 2\n", "duplicate tag"),
    "duplicate block": (cif() + cif(), "duplicate block"),
    "loop cut short": (cif() + "K1\n", "syntax is wrong: line"),
    "loop of nothing": ("data_x\nloop_\n_a\n", "syntax|no structure"),
    "quote not closed": (cif("_b 'abc"), "syntax is wrong"),
    "text field not closed": (cif("_b\n;abc"), "syntax is wrong"),
    "nul bytes": ("data_x\0\n", "must be text"),
    "binary": ("\x01\x02\x03", "syntax is wrong"),
    "html": ("<html><body>404</body></html>", "syntax is wrong"),
    "blank": ("\n\n", "holds no structure"),
}


@pytest.mark.parametrize("name", CASES)
def test_open_or_contradictory_cif_is_refused_with_file_and_reason(tmp_path, name):
    text, reason = CASES[name]
    path = tmp_path / "x.cif"
    path.write_text(text)
    with pytest.raises(CrystalFileError, match=r"x\.cif") as caught:
        read(path)
    caught.match(reason)


def test_error_names_block_and_line(tmp_path):
    path = tmp_path / "x.cif"
    path.write_text(cif(ROCK_SALT, cell=cell(b="five")))
    with pytest.raises(CrystalFileError, match="block 'x', line 3: _cell_length_b"):
        read(path)


def test_folder_is_not_a_structure(tmp_path):
    with pytest.raises(CrystalFileError, match="is a folder"):
        read(tmp_path)
