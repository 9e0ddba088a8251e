"""Kinds of values: their masks, shapes, names and bounds come from one table."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from matjax.graphs import Shape, build_graph
from matjax.predictors import LABELS, Label, as_label
from matjax.units import GPA
from tests.force_constants.lattices import fcc, silicon

TENSOR = Label("shielding", "atom", (3, 3), "ppm")
SHAPE = Shape(n_nodes=8, degree=20, n_graphs=3)


def graph():
    """Two crystals of 2 and 1 atoms, padded."""
    return build_graph([silicon(), fcc()], 3.0, n_nodes=8, n_graphs=3)


def test_masks_hold_atoms_or_crystals():
    assert_array_equal(
        TENSOR.mask(TENSOR.zeros(SHAPE, float), graph())[:, 1, 2], [1] * 3 + [0] * 5
    )
    stress = LABELS["stress"]
    assert_array_equal(
        stress.mask(stress.zeros(SHAPE, float), graph())[:, 0, 1], [1, 1, 0]
    )
    columns = np.zeros((4, 2, 8, 3))  # of columns of force constants
    assert_array_equal(
        LABELS["columns"].mask(columns, graph())[3, 1, :, 2], [1] * 3 + [0] * 5
    )


def test_totals_of_a_cell_count_by_atom_and_others_do_not():
    energies = np.array([6.0, 6.0, 0.0])
    assert_allclose(LABELS["energy"].by_atom(energies, graph()), [3, 6, 0])
    assert_allclose(as_label("gap").by_atom(energies, graph()), energies)
    spectrum = Label("dos", "spectrum", (4,), intensive=False)
    doubled = np.ones((3, 4)) * energies[:, None]
    assert_allclose(spectrum.by_atom(doubled, graph())[:, 2], [3, 6, 0])


@pytest.mark.parametrize(
    ("label", "name", "factor"),
    [
        ("energy", "energy_mae_meV_per_atom", 1e3),
        ("forces", "force_mae_meV_per_A", 1e3),
        ("stress", "stress_mae_GPa", GPA),
        ("columns", "column_mae_meV_per_A2", 1e3),
        (Label("gap", unit="eV"), "gap_mae_eV", 1.0),
        (Label("heat", "cell", unit="J/(mol K)"), "heat_mae_J_per_mol_K_per_atom", 1.0),
        ("unknown", "unknown_mae", 1.0),
    ],
)
def test_errors_are_named_with_their_unit(label, name, factor):
    assert as_label(label).metric("mae") == (name, factor)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((2, 3)), r"#0: shielding of 2 atoms must have shape \(2, 3, 3\)"),
        (np.full((2, 3, 3), np.nan), "#0: shielding must be finite"),
        (np.full((2, 3, 3), 1e16), "#0: shielding may be"),
        ("wide", "#0: shielding must be a number"),
    ],
)
def test_values_of_a_wrong_kind_are_refused(value, message):
    with pytest.raises(ValueError, match=message):
        TENSOR.checked(value, 2, "#0")


def test_tensors_may_come_in_fewer_numbers():
    xx, yy, zz, yz, xz, xy = voigt = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    full = [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]
    assert_array_equal(LABELS["stress"].checked(voigt, 2, "#0"), full)
    rows = np.arange(18.0).reshape(2, 9)  # as extended XYZ has it
    assert_array_equal(TENSOR.checked(rows, 2, "#0"), rows.reshape(2, 3, 3))


def test_a_spectrum_needs_its_points():
    with pytest.raises(ValueError, match=r"a spectrum has the shape \(points,\)"):
        Label("dos", "spectrum")
