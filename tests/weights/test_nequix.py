"""Published Nequix weights: the original code's numbers; files that are not right."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.predictors import evaluate, hessian_product
from matjax.weights import Published, find, load_potential, pretrained, read_nequix
from tests.weights.damaged_files import (
    HUGE,
    refused,
)
from tests.weights.nequix_files import NQX

# Energies, forces, stresses and Hessians of six crystals by the original code (nequix,
# float32), which lie beside the data.
DATA = Path(os.environ.get("MATJAX_DATA", "nowhere"))
REFERENCE = DATA.parent / "reference" / "nequix.json.gz"
PUBLISHED = pretrained(Published)
N_NODES, DEGREE = 8, 88  # one shape, so one compilation, for all six crystals
EVALUATE = jax.jit(evaluate)

ONE_AND_OTHERS = [
    name if k == 0 else pytest.param(name, marks=pytest.mark.slow)
    for k, name in enumerate(PUBLISHED)
]
needs_weights = pytest.mark.skipif(
    not REFERENCE.is_file() or any(find(p) is None for p in PUBLISHED.values()),
    reason="published weights or their reference values are not on this machine",
)


@pytest.fixture(scope="module")
def reference():
    with gzip.open(REFERENCE, "rt") as file:
        return json.load(file)


def crystal_of(record) -> Crystal:
    return Crystal.create(
        record["numbers"], record["cell"], positions=record["positions"]
    )


def evaluated(potential, crystal):
    graph = potential.graph(crystal, n_nodes=N_NODES, degree=DEGREE)
    result = EVALUATE(potential, graph)
    return result.energy[0], result.forces[: crystal.n_atoms], result.stress[0]


@needs_weights
@pytest.mark.parametrize("name", ONE_AND_OTHERS)
def test_published_potentials_give_the_numbers_of_the_original_code(name, reference):
    single = load_potential(name, dtype=jnp.float32)
    double = load_potential(name, dtype=jnp.float64)
    for record in reference[name].values():
        crystal = crystal_of(record)
        energy, forces, stress = evaluated(single, crystal)
        # Tolerances: float32 round-off of sums over 90 neighbors in another order.
        per_atom = record["energy_eV"] / crystal.n_atoms
        assert_allclose(energy / crystal.n_atoms, per_atom, atol=5e-5, rtol=0)
        assert_allclose(forces, record["forces_eV_per_A"], atol=5e-4, rtol=0)
        assert_allclose(stress, record["stress_eV_per_A3"], atol=2e-5, rtol=0)

        exact = evaluated(double, crystal)[0]
        assert_allclose(exact / crystal.n_atoms, per_atom, atol=1e-5, rtol=0)


@pytest.mark.slow
@needs_weights
def test_hessians_are_those_of_the_original_code(reference):
    records = [
        (name, record)
        for name in PUBLISHED
        for record in reference[name].values()
        if "hessian_eV_per_A2" in record
    ]
    assert len(records) >= 2
    product = jax.jit(jax.vmap(hessian_product, (None, None, 0)))
    columns = jnp.eye(3 * N_NODES, dtype=jnp.float32).reshape(-1, N_NODES, 3)
    for name, record in records:
        crystal = crystal_of(record)
        potential = load_potential(name, dtype=jnp.float32)
        graph = potential.graph(crystal, n_nodes=N_NODES, degree=DEGREE)
        n = 3 * crystal.n_atoms
        hessian = product(potential, graph, columns).reshape(3 * N_NODES, -1)[:n, :n]
        blocks = np.asarray(record["hessian_eV_per_A2"])  # (atoms, atoms, 3, 3)
        expected = blocks.transpose(0, 2, 1, 3).reshape(n, n)
        # float32 round-off of second derivatives of some 20 eV/Å².
        assert_allclose(hessian, expected, atol=1e-3, rtol=0)


@pytest.fixture
def small_file(tmp_path):
    """A file of the format whose network is small, with its arrays in order."""
    config = {
        "cutoff": 4.0,
        "hidden_irreps": "4x0e + 2x1o",
        "lmax": 1,
        "n_layers": 2,
        "radial_basis_size": 3,
        "radial_mlp_size": 5,
        "radial_mlp_layers": 1,
        "radial_polynomial_p": 6.0,
        "mlp_init_scale": 4.0,
        "avg_n_neighbors": 10.0,
        "scale": 1.0,
        "shift": 0.0,
        "index_weights": True,
        "layer_norm": True,
        "atomic_numbers": [1, 6],
    }
    from matjax.predictors import parameter_shapes
    from matjax.weights.nequix import key_table, nequip_of_config

    model = nequip_of_config(config, tmp_path)
    shapes = parameter_shapes(model)
    generator = np.random.default_rng(0)
    arrays = []
    for key in key_table(shapes, model.layers):
        node = shapes
        for part in key.parameter:
            node = node[part]
        arrays.append(generator.normal(size=node.shape).astype(np.float32))

    def write(name="weights.nqx", config=config, arrays=arrays):
        path = tmp_path / name
        with path.open("wb") as file:
            file.write((json.dumps(config) + "\n").encode())
            for array in arrays:
                np.save(file, array)
        return path

    return write, config, arrays


def test_file_with_indexed_skips_round_trips_through_its_arrays(small_file):
    write, _, arrays = small_file
    potential = read_nequix(write())
    assert potential.model.index_weights
    read = jax.tree.leaves(potential.params)
    assert sorted(a.size for a in read) == sorted(a.size for a in arrays)
    assert sum(float(a.sum()) for a in read) == pytest.approx(
        sum(float(a.sum()) for a in arrays), rel=1e-6
    )


def test_truncated_file_is_refused(small_file):
    path = small_file[0]()
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match="truncated or damaged"):
        read_nequix(path)


def test_missing_array_is_named(small_file):
    write, _, arrays = small_file
    with pytest.raises(ValueError, match=r"missing: \.readout"):
        read_nequix(write(arrays=arrays[:-1]))


def test_extra_array_is_reported(small_file):
    write, _, arrays = small_file
    with pytest.raises(ValueError, match=r"extra: array \d+ of shape \(2, 2\)"):
        read_nequix(write(arrays=[*arrays, np.zeros((2, 2))]))


def test_numbers_of_the_config_may_follow_the_arrays_but_no_other_numbers(small_file):
    write, config, arrays = small_file
    numbers = [x for x in jax.tree.leaves(config) if isinstance(x, int | float)]
    read_nequix(write(arrays=[*arrays, *(np.asarray(x) for x in numbers)]))
    with pytest.raises(ValueError, match="extra: array"):
        read_nequix(write(arrays=[*arrays, *(np.asarray(x + 1) for x in numbers)]))


def test_array_of_another_shape_is_named(small_file):
    write, _, arrays = small_file
    with pytest.raises(ValueError, match=r"\.atom_energies: float32 \(3,\)"):
        read_nequix(write(arrays=[np.zeros(3, np.float32), *arrays[1:]]))


def test_array_with_nan_is_named(small_file):
    write, _, arrays = small_file
    bad = np.full_like(arrays[0], np.nan)
    with pytest.raises(ValueError, match=r"\.atom_energies: .* not finite"):
        read_nequix(write(arrays=[bad, *arrays[1:]]))


def test_pickled_objects_are_not_read(small_file):
    write, _, arrays = small_file
    path = write(arrays=arrays[:1])
    with path.open("ab") as file:
        np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="array 2 cannot be read"):
        read_nequix(path)


def test_config_without_a_key_is_refused(small_file):
    write, config, _ = small_file
    short = {k: v for k, v in config.items() if k != "cutoff"}
    with pytest.raises(ValueError, match=r"lacks \['cutoff'\]"):
        read_nequix(write(config=short))


def test_other_files_are_not_taken_for_weights(tmp_path):
    path = tmp_path / "weights.nqx"
    path.write_bytes(b"\x80\x04 not json\n")
    with pytest.raises(ValueError, match="one line of JSON"):
        read_nequix(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("scale", v) for v in (float("inf"), float("nan"), "1.0", None, [1])),
        *(("avg_n_neighbors", v) for v in (0, -1, 0.0, float("nan"), "30")),
        *(("cutoff", v) for v in (0, 1e6, -6.0, "6", None)),
        *(("n_layers", v) for v in (0, HUGE, -1, 2.5, None)),
        *(("lmax", v) for v in (-1, 30, HUGE)),
        *(("hidden_irreps", v) for v in ("", "128", 5, None, "1e9x0e")),
        *(("radial_mlp_layers", v) for v in (-1, HUGE)),
        *(("radial_mlp_size", v) for v in (0, -1, HUGE)),
        *(("radial_basis_size", v) for v in (0, HUGE)),
        *(("atomic_numbers", v) for v in ([], [200], [1, 1], {"1": 1}, "H", None)),
        *(("index_weights", v) for v in (1, "yes")),
    ],
)
def test_nequix_config_out_of_bounds_is_refused(tmp_path, key, value):
    path = tmp_path / "a.nqx"
    path.write_bytes(json.dumps({**NQX, key: value}).encode() + b"\n")
    refused(read_nequix, path)


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"null", b"{}", b"[" * 10**5, b"\x80\x04", b"9" * 5000]
)
def test_nequix_file_without_a_config_is_refused(tmp_path, line):
    path = tmp_path / "a.nqx"
    path.write_bytes(line + b"\n")
    refused(read_nequix, path)
