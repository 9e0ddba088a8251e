"""Crystals are drawn so that what is judged was never trained on."""

import ase.build
import ase.io
import pytest
from numpy.testing import assert_array_equal

from matjax.data import composition
from matjax.distillation import Cotraining, Pool, draw, draw_cotraining
from matjax.elements import atomic_number
from tests.distillation.noble import NOBLE, noble_crystals


@pytest.fixture
def crystals(tmp_path):
    return noble_crystals(tmp_path / "crystals.extxyz")


def test_no_composition_is_in_two_parts(crystals):
    pool = Pool(data=crystals, train=2, held_out=1, test=1, max_neighbors=100)
    drawn = draw(pool, list(NOBLE.values()), 6.0, seed=0)
    parts = {}
    for key, crystal in drawn.crystals.items():
        assert crystal.n_atoms == 1
        parts.setdefault(composition(crystal), set()).add(drawn.parts[key])
    assert all(len(found) == 1 for found in parts.values())
    others = draw(pool, list(NOBLE.values()), 6.0, seed=1)
    assert others.parts != drawn.parts
    same = Cotraining(data=(crystals,), max_neighbors=100)
    with pytest.raises(ValueError, match=r"of other compositions than .* have none"):
        draw_cotraining(same, pool, list(NOBLE.values()), 6.0, seed=0)


def test_a_pool_that_is_too_small_is_refused(crystals):
    pool = Pool(data=crystals, train=3, held_out=1, test=1, max_neighbors=100)
    with pytest.raises(ValueError, match=r"at most 1 .*|it has [0-4]"):
        draw(pool, [10, 18], 6.0, seed=0)


@pytest.fixture
def written(tmp_path):
    """Writes a file of binaries with the structure of rock salt."""

    def write(name, symbols):
        frames = []
        for k, pair in enumerate(symbols):
            atoms = ase.build.bulk(pair, "rocksalt", a=5.0 + 0.3 * k)
            atoms.info["material_id"] = f"{name}-{k}"
            frames.append(atoms)
        path = tmp_path / f"{name}.extxyz"
        ase.io.write(path, frames)
        return str(path)

    return write


def test_further_crystals_are_of_other_compositions(written):
    pool = Pool(
        data=written("salts", ["NaCl", "KBr", "MgO"]),
        train=1,
        held_out=1,
        test=1,
        max_neighbors=100,
        further_data=written("others", ["NaCl", "NaBr", "AgCl", "CaO", "KCl"]),
        further_elements=("Cl", "Br"),
    )
    known = draw(pool, range(1, 90), 6.0, seed=0)
    drawn = draw(pool.model_copy(update={"further": 3}), range(1, 90), 6.0, seed=0)
    assert {key: drawn.parts[key] for key in known.parts} == known.parts
    further = drawn.crystals.keys() - known.crystals.keys()
    assert {drawn.parts[key] for key in further} == {"train"}
    found = {composition(drawn.crystals[key]) for key in further}
    assert found == {"BrNa", "AgCl", "ClK"}
    both = draw(
        pool.model_copy(update={"further": 3, "substituted": 5}),
        range(1, 90),
        6.0,
        seed=0,
    )
    for key, crystal in drawn.crystals.items():
        assert_array_equal(both.crystals[key].positions, crystal.positions)
    made = both.crystals.keys() - drawn.crystals.keys()
    (parent,) = (key for key, part in known.parts.items() if part == "train")
    assert {key.split(":")[0] for key in made} == {parent}
    names = {composition(both.crystals[key]) for key in made}
    assert not names & {"ClNa", "BrK", "MgO"}
    assert {both.parts[key] for key in made} == {"train"}
    with pytest.raises(ValueError, match="4; it has 3 of other compositions than"):
        draw(pool.model_copy(update={"further": 4}), range(1, 90), 6.0, seed=0)


def test_crystals_beside_are_of_other_compositions(written):
    elements = ("H", "F", "Cl", "Br", "Li", "Na", "K", "O", "Mg", "Ca")
    species = [atomic_number(x) for x in elements]
    data = (written("others", ["NaCl", "NaBr"]), written("oxides", ["CaO", "MgO"]))
    pool = Pool(data=written("salts", ["NaCl", "KBr", "MgO"]), max_neighbors=100)
    cotraining = Cotraining(data=data, max_neighbors=100)
    beside = draw_cotraining(cotraining, pool, species, 6.0, seed=0)
    assert beside.keys() == {"0/others-1", "1/oxides-0"}
    more = cotraining.model_copy(update={"substituted": 6})
    found = draw_cotraining(more, pool, species, 6.0, seed=0)
    for key, crystal in beside.items():
        assert_array_equal(found[key].positions, crystal.positions)
    made = found.keys() - beside.keys()
    assert {key.split(":")[0] for key in made} == {"0/others-1"}
    names = {composition(found[key]) for key in made}
    assert len(names) == 6
    assert not names & {"BrNa", "CaO", "ClNa", "BrK", "MgO"}
