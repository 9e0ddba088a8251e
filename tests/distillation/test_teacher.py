"""A teacher labels crystals at rest, and sizes of graphs change no number."""

import ase.build
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.distillation import Labels
from matjax.distillation import teacher as asked
from matjax.distillation.teacher import labeled, summary_in
from matjax.force_constants import Response
from tests.train.argon import teacher

LABELS = Labels(rattles=1, n_columns=3, mesh_length=4.0, potential_precision="float64")


def argon(a):
    return Crystal.from_ase(ase.build.bulk("Ar", "fcc", a=a))


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    return labeled(teacher(), argon(5.4), LABELS, judged=True, rng=rng)


def test_the_first_copy_is_the_crystal_at_rest(found):
    first, second = found.copies
    assert_allclose(first.crystal.cell, found.crystal.cell)
    assert found.max_force < LABELS.fmax
    assert_allclose(first.labels["forces"], 0, atol=1e-12)
    assert_allclose(first.labels["stress"], 0, atol=1e-4)  # what fmax leaves
    assert second.labels["energy"] > first.labels["energy"]
    plain = teacher()(second.crystal)
    assert_allclose(second.labels["energy"], plain.energy, rtol=1e-12)
    assert_allclose(second.labels["stress"], plain.stress, atol=1e-12)


def test_columns_are_products_with_the_force_constants(found):
    plain, (first, _) = teacher(), found.copies
    response = Response(plain, plain.graph(first.crystal), n_atoms=1)
    matrix = np.asarray(response(first.q[:1]))[0]
    u = first.displacements[0, 0].reshape(-1)
    column = first.columns[0, 0] + 1j * first.columns[0, 1]
    assert_allclose(column.reshape(-1), matrix @ u, atol=1e-10)


def test_phonons_are_those_of_the_crystal_at_rest(found):
    assert found.phonons == summary_in(teacher(), found.crystal, LABELS)
    assert found.phonons.min_frequency_THz > -0.1
    whole = [[2, 0, 0], [0, 2, 0], [0, 0, 2]]
    other = summary_in(teacher(), found.crystal, LABELS, supercell=whole)
    assert found.phonons.n_q <= other.n_q == 8
    assert_allclose(other.max_frequency_THz, found.phonons.max_frequency_THz, rtol=1e-6)


def test_crystals_that_do_not_come_to_rest_have_no_labels(monkeypatch):
    relax = asked.relax
    monkeypatch.setattr(
        asked, "relax", lambda *a, **more: relax(*a, **more, max_steps=1)
    )
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"must come to rest; .* eV/Å after 1 steps"):
        labeled(teacher(), argon(5.4), LABELS, judged=False, rng=rng)
