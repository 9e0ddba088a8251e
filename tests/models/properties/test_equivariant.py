"""Tensors of crystals and atoms turn with them; supercells have the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.models.properties import Equivariant
from matjax.predictors import Label, PropertyPredictor
from matjax.weights import load_predictor, save_predictor

CELL = np.array([[4.0, 0.3, 0], [0.2, 4.2, -0.1], [0, 0.4, 3.8]])
CRYSTAL = Crystal.create(
    [14, 8, 8], CELL, fractional=[[0, 0, 0], [0.4, 0.5, 0.1], [0.7, 0.2, 0.6]]
)
SMALL = {
    "species": (8, 14),
    "cutoff": 4.0,
    "layers": 2,
    "basis": 3,
    "radial_widths": (4,),
}


def network(kind, symmetry, **more):
    elastic = len(symmetry) > 6
    hidden = "2x0e + 2x1o + 2x2e" + (" + 2x4e" if elastic else "")
    return Equivariant(
        **SMALL,
        properties=("dielectric",),
        network=kind,
        hidden=hidden,
        lmax=4 if elastic else 2,
        symmetry=symmetry,
        **more,
    )


def value(model, crystal):
    graph = build_graph(crystal, model.cutoff)
    params = model.init(jax.random.key(1), graph)
    return np.asarray(jax.jit(model.apply)(params, graph)["dielectric"])


def turned(tensor, matrix):
    for axis in range(1, tensor.ndim):
        tensor = np.moveaxis(np.tensordot(tensor, matrix, (axis, 1)), -1, axis)
    return tensor


@pytest.mark.parametrize(
    ("kind", "symmetry"),
    [
        ("nequip", "ij=ji"),
        pytest.param("mace", "ij=ji", marks=pytest.mark.slow),
        pytest.param("nequip", "ijkl=jikl=klij", marks=pytest.mark.slow),
    ],
)
def test_tensors_turn_with_the_crystal_and_have_their_symmetry(kind, symmetry):
    model = network(kind, symmetry)
    tensor = value(model, CRYSTAL)
    assert np.abs(tensor).max() > 1e-3
    assert_allclose(tensor, tensor.swapaxes(1, 2), atol=1e-12)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    moved = value(model, CRYSTAL.replace(cell=CELL @ turn.T))
    # Relative to the largest: harmonics and products are exact to round-off.
    assert_allclose(moved, turned(tensor, turn), atol=1e-6 * np.abs(tensor).max())


def test_a_supercell_has_the_tensor_of_its_cell():
    model = network("nequip", "ij=ji")
    twice = Crystal.create(
        np.tile(CRYSTAL.numbers, 2),
        CELL * [[2], [1], [1]],
        positions=np.concatenate([CRYSTAL.positions, CRYSTAL.positions + CELL[0]]),
    )
    assert_allclose(value(model, twice), value(model, CRYSTAL), rtol=1e-9)  # round-off


def test_atoms_have_tensors_of_their_own_that_are_kept_in_a_file(tmp_path):
    model = network("nequip", "ij=ji", of_atoms=True, scale=3.0)
    label = Label("dielectric", "atom", (3, 3))
    predictor = PropertyPredictor.create(model, [label], seed=1)
    tensors = predictor(CRYSTAL)["dielectric"]
    assert tensors.shape == (3, 3, 3)
    one = PropertyPredictor.create(model.clone(scale=1.0), [label], seed=1)
    assert_allclose(tensors, 3 * one(CRYSTAL)["dielectric"], rtol=1e-9)
    read = load_predictor(save_predictor(predictor, tmp_path / "a.safetensors"))
    assert_allclose(read(CRYSTAL)["dielectric"], tensors, rtol=1e-6)  # float32 file


def test_numbers_come_from_scalars_by_a_perceptron():
    model = Equivariant(
        **SMALL, properties=("gap", "bulk"), hidden="2x0e", lmax=0, head=(3,)
    )
    graph = build_graph(CRYSTAL, model.cutoff)
    params = model.init(jax.random.key(1), graph)
    rest = {k: v for k, v in params["params"].items() if k != "network"}
    assert sorted(rest) == ["head_0", "readout"]
    found = model.apply(params, graph)
    assert jnp.shape(found["gap"]) == (graph.n_graphs,)
