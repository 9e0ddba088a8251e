"""Structures of pymatgen's JSON become the crystals that pymatgen reads."""

import json

import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.crystals.structure_json import is_structure, structure_crystal

SALT = {
    "lattice": {"matrix": [[0, 2.8, 2.8], [2.8, 0, 2.8], [2.8, 2.8, 0]]},
    "sites": [
        {"species": [{"element": "Na", "occu": 1}], "abc": [0, 0, 0]},
        {"species": [{"element": "Cl", "occu": 1.0}], "abc": [0.5, 0.5, 0.5]},
    ],
}


def salt(**changes):
    """Rock salt, with a second site that is changed."""
    first, second = SALT["sites"]
    return SALT | {"sites": [first, second | changes]}


def test_crystal_is_the_one_that_pymatgen_has():
    core = pytest.importorskip("pymatgen.core")
    structure = core.Structure(
        core.Lattice([[3, 0, 0], [0.1, 4, 0], [0, 0.2, 9]], pbc=(True, True, False)),
        ["H", "O2-", "Fe3+"],
        [[0, 0, 0], [0.5, 0.5, 0.2], [-0.4, 0.1, 0.6]],
        site_properties={"selective_dynamics": [[True] * 3, [False] * 3, [True] * 3]},
    )
    found = structure_crystal(json.loads(structure.to_json()))
    expected = Crystal.from_pymatgen(structure)
    assert found.symbols == expected.symbols == ["H", "O", "Fe"]
    assert found.pbc == expected.pbc == (True, True, False)
    assert (found.fixed == expected.fixed).all()
    for name in ("cell", "fractional", "masses"):
        # round-off of text
        assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-12)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (salt(species=[{"element": "Cl", "occu": 0.5}]), "fully occupied.*ordered"),
        (salt(species=[{"element": "Cl", "occu": 0.5}] * 2), "fully occupied"),
        (salt(species=[]), "fully occupied"),
        (salt(species=[{"element": "Qq", "occu": 1}]), "known element.*'Qq'"),
        (salt(abc=[0, 0, 0.05]), "apart"),
        (salt(abc=[0, 0]), "inhomogeneous"),
        (salt(abc=[0, 0, float("nan")]), "finite"),
        (salt(species=None), "needs lattice.matrix.*here: Type"),
        ({"lattice": {}, "sites": SALT["sites"]}, "KeyError 'matrix'"),
        ({"lattice": None, "sites": []}, "needs lattice.matrix"),
        ({"sites": []}, r"a lattice and sites; received \['sites'\]"),
        (5, "received int"),
    ],
)
def test_what_is_no_certain_crystal_is_refused(structure, message):
    with pytest.raises(ValueError, match=message):
        structure_crystal(structure)


def test_structures_are_told_from_other_values():
    assert is_structure(SALT)
    assert not is_structure([SALT])
    assert not is_structure({"sites": []})
