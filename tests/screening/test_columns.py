"""Columns against what is known of silicon in the potential of Stillinger and Weber."""

from types import SimpleNamespace

import pytest
from numpy.testing import assert_allclose

from matjax.lattice_dynamics import phonons
from matjax.predictors import Label
from matjax.screening import COLUMNS, Missing, column, columns, find_column
from matjax.screening.columns import expanded
from tests.force_constants.lattices import stillinger_weber
from tests.screening.crystals import batch, cubic, silicon


@pytest.fixture(scope="module")
def two():
    return batch(silicon(), cubic(), length=6.0)


def values(name, found):
    return find_column(name).values(found)


def test_energy_volume_and_groups(two):
    # Cohesive energy 4.3363 eV (2 ε of the potential), lattice constant 5.431 Å.
    assert_allclose(values("energy", two), -4.3363, atol=1e-3)
    expected = [100 * ((5.431 / a) ** 3 - 1) for a in (5.45, 5.5)]
    assert_allclose(values("volume_change", two), expected, atol=0.02)
    assert values("space_group_before", two) == ["Fd-3m", "Fd-3m"]
    assert values("space_group_after", two) == ["Fd-3m", "Fd-3m"]


def test_moduli_are_those_of_the_potential(two):
    # C11 = 151.4, C12 = 76.4 GPa: Cowley, Phys. Rev. Lett. 60, 2379 (1988).
    assert_allclose(values("bulk_modulus", two), (151.4 + 2 * 76.4) / 3, rtol=5e-3)
    assert len(values("shear_modulus", two)) == 2


def test_heat_capacity_is_that_of_the_cell_as_given(two):
    small, large = values("heat_capacity", two)
    assert_allclose(large, 4 * small, rtol=1e-4)
    exact = phonons(stillinger_weber(), two.crystals[0]).thermal([300.0], (8, 8, 8))
    # 0.05 J/(mol K) by atom is the accuracy that the mesh is chosen for; the fine mesh
    # lacks the translations at Γ, 3R/512.
    expected = float(exact.heat_capacity[0]) + 3 * 8.314462618 / 512
    assert_allclose(small, expected, atol=2 * 0.05)


def test_frequencies_leave_the_translations_out(two):
    lowest, highest = (values(f"{w}_frequency", two) for w in ("lowest", "highest"))
    assert min(lowest) > 1  # the softest mode of the mesh, not a translation at Γ
    assert_allclose(highest, 17.8, atol=0.3)  # the optical mode at Γ of this potential
    assert values("imaginary_fraction", two) == [0, 0]


def test_what_is_unstable_has_no_moduli():
    (found,) = values("bulk_modulus", batch(silicon(7.5), relax=False))
    assert isinstance(found, Missing)
    assert "not stable" in found.reason


def test_names_are_found_or_answered_with_those_there_are(tmp_path):
    assert expanded(["moduli", "energy", "bulk_modulus"]) == [
        "bulk_modulus",
        "shear_modulus",
        "energy",
    ]
    with pytest.raises(ValueError, match=r"no column 'modulus'.*bulk_modulus.*cgcnn"):
        find_column("modulus")
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from matjax.screening import column\n"
        "@column(unit='Å')\n"
        "def edge(batch):\n"
        "    return [float(c.volume) ** (1 / 3) for c in batch.crystals]\n"
        "def plain(batch):\n"
        "    return []\n"
    )
    found = find_column(f"{mine}:edge")
    assert found.header == "edge_A"
    assert "edge" not in COLUMNS
    with pytest.raises(ValueError, match="must be a column"):
        find_column(f"{mine}:plain")


def test_a_column_has_its_unit_in_its_header():
    @column(unit="J/(mol K)", name="entropy")
    def anything(batch):
        return [0.0] * len(batch)

    assert anything.column.header == "entropy_J_per_mol_K"


def test_network_of_several_numbers_makes_no_column(monkeypatch):
    gaps = SimpleNamespace(labels=(Label("gap", shape=(4,), unit="eV"),))
    monkeypatch.setattr(columns, "load_predictor", lambda name: gaps)
    with pytest.raises(ValueError, match=r"megnet-band-gap has \(4,\) of them"):
        find_column("megnet-band-gap")
