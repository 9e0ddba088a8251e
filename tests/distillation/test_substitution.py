"""Other elements of the same groups make crystals that no file has."""

import ase.build
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, space_group
from matjax.data import composition
from matjax.distillation import substituted
from matjax.elements import atomic_number


def test_elements_of_the_same_groups_make_crystals_that_no_file_has():
    species = [atomic_number(x) for x in ("H", "F", "Cl", "Br", "Na", "K", "Xe", "Cu")]
    salt = Crystal.from_ase(ase.build.bulk("NaCl", "rocksalt", a=5.64))
    same = Crystal.from_ase(ase.build.bulk("KCl", "rocksalt", a=6.29))
    parents = {"salt": salt, "same": same}
    settings = (parents, species, {"ClK", "ClNa"})
    found = substituted(*settings, lambda _: True, count=6, seed=0)
    made = {composition(c): c for c in found.values()}
    assert set(made) == {"HNa", "FNa", "BrNa", "HK", "FK", "BrK"}
    # Measured at room temperature. Bond lengths that know nothing of charges and
    # coordination do not say it more exactly.
    for name, a in {"HNa": 4.88, "HK": 5.70, "FNa": 4.62, "BrK": 6.60}.items():
        assert space_group(made[name]).symbol == "Fm-3m"
        assert_allclose(np.linalg.norm(made[name].cell, axis=1) * 2**0.5, a, rtol=0.1)
    wide = substituted(*settings, lambda c: c.volume > 40, count=1, seed=0)
    assert all(crystal.volume > 40 for crystal in wide.values())
    with pytest.raises(ValueError, match=r"wanted, 7; .* there are 6"):
        substituted(*settings, lambda _: True, count=7, seed=0)
    gas = {"gas": Crystal.from_ase(ase.build.bulk("Xe", "fcc", a=6.2))}
    with pytest.raises(ValueError, match="there are 0"):
        substituted(gas, [10, 18, 54], {}, lambda _: True, count=1, seed=0)
