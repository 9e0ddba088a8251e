"""Fourier interpolation: exact where it is given, phonopy's between, differentiable."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.build import bulk
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, make_supercell
from matjax.force_constants import RealSpaceForceConstants, from_grid, from_supercell
from tests.force_constants.lattices import silicon

RNG = np.random.default_rng(5)
Q = RNG.uniform(-1, 1, (5, 3))
WURTZITE = Crystal.from_ase(bulk("ZnO", "wurtzite", a=3.25, c=5.2))
TRICLINIC = Crystal.create(
    [14, 8],
    [[3, 0.1, 0.2], [0.5, 3.3, 0.1], [2.2, 0.9, -3.9]],
    fractional=[[0, 0, 0], [0.4, 1.3, 0.1]],
)


def random_constants(crystal, matrix, **options):
    """Real-space force constants from random ones of a supercell, and these."""
    sites = make_supercell(crystal, matrix)
    shape = (crystal.n_atoms, len(sites.atom), 3, 3)
    constants = RNG.normal(size=shape)
    found = from_supercell(
        crystal,
        sites.matrix,
        constants,
        atom=sites.atom,
        cells=sites.translation,
        **options,
    )
    return found, sites, constants


@pytest.mark.parametrize(
    ("crystal", "matrix"),
    [
        (silicon(), np.diag([3, 3, 3])),
        (silicon(), np.array([[-2, 2, 2], [2, -2, 2], [2, 2, -2]])),
        (WURTZITE, np.diag([3, 3, 2])),
        (TRICLINIC, np.array([[2, 1, 0], [0, 3, 1], [0, 0, 2]])),
    ],
    ids=["silicon", "cube", "wurtzite", "triclinic"],
)
def test_images_are_shared_as_phonopy_shares_them(crystal, matrix):
    phonopy = pytest.importorskip("phonopy", reason="phonopy is not installed")
    from phonopy.structure.atoms import PhonopyAtoms

    cell = PhonopyAtoms(
        numbers=crystal.numbers,
        cell=crystal.cell,
        scaled_positions=crystal.fractional,
        masses=np.ones(crystal.n_atoms),
    )
    theirs = phonopy.Phonopy(cell, matrix.T, primitive_matrix=np.eye(3))
    n = len(theirs.supercell)
    constants = RNG.normal(size=(n, n, 3, 3))
    constants += constants.transpose(1, 0, 3, 2)  # phonopy takes the Hermitian part
    home = theirs.primitive.p2s_map
    compact = constants[home]
    theirs.force_constants = compact

    places = theirs.supercell.positions @ np.linalg.inv(crystal.cell)
    order = list(home)
    atom = np.array([order.index(s) for s in theirs.primitive.s2p_map])
    cells = np.rint(places - crystal.fractional[atom]).astype(int)
    sum_of_ours = from_supercell(
        crystal, theirs.supercell_matrix.T, compact, atom=atom, cells=cells
    )
    theirs.run_qpoints(Q, with_dynamical_matrices=True)
    expected = theirs.qpoints.dynamical_matrices
    phases = np.exp(2j * np.pi * np.repeat(Q @ crystal.fractional.T, 3, axis=1))
    found = phases.conj()[:, :, None] * sum_of_ours(Q) * phases[:, None, :]
    found = (found + found.conj().swapaxes(1, 2)) / 2
    assert_allclose(found, expected, atol=1e-9)  # round-off of positions


@pytest.mark.parametrize("crystal", [silicon(), WURTZITE, TRICLINIC])
def test_the_grid_is_given_back(crystal):
    shape = (3, 2, 4)
    n = crystal.n_atoms
    real = RNG.normal(size=(*shape, 3 * n, 3 * n))  # Φ(−q) = Φ(q)*
    given = np.fft.ifftn(real, axes=(0, 1, 2)) * real[..., 0, 0].size
    found = from_grid(crystal, given)
    q = np.indices(shape).reshape(3, -1).T / shape
    expected = given.reshape(-1, 3 * n, 3 * n)
    assert_allclose(found(q), expected, atol=1e-10)  # round-off
    assert_allclose(found(-Q), found(Q).conj(), atol=1e-10)


def test_equally_near_images_share_one_block_in_equal_parts():
    cube = Crystal.create([11], 4 * np.eye(3), fractional=[[0, 0, 0]])
    found, _, constants = random_constants(cube, (2, 1, 1))
    order = np.argsort(found.cells[:, 0])
    assert_allclose(found.cells[order], [[-1, 0, 0], [0, 0, 0], [1, 0, 0]])
    weighted = found.blocks[order]
    assert_allclose(weighted, constants[0, [1, 0, 1]] * [[[0.5]], [[1]], [[0.5]]])


def test_there_are_no_images_where_the_crystal_does_not_repeat():
    wire = Crystal.create(
        [11, 17],
        np.diag([5.0, 4.0, 4.0]),
        fractional=[[0, 0, 0], [0.5, 0.5, 0.5]],
        pbc=(True, False, False),
    )
    found, _, _ = random_constants(wire, (3, 1, 1))
    assert not found.cells[:, 1:].any()
    rod = wire.replace(pbc=(True, True, True))
    assert random_constants(rod, (3, 1, 1))[0].cells[:, 1:].any()
    cluster = wire.replace(pbc=(False, False, False))
    assert not random_constants(cluster, (1, 1, 1))[0].cells.any()


def test_a_sum_is_the_same_on_the_host_under_jit_and_in_parts(monkeypatch):
    found, _, _ = random_constants(WURTZITE, (2, 2, 1))
    expected = found(Q)
    whole = jax.jit(lambda source, q: source(q))(found, Q)
    assert_allclose(whole, expected, atol=1e-12)  # round-off
    known_pairs = jax.jit(lambda q: found(q))(Q)
    assert_allclose(known_pairs, expected, atol=1e-12)
    assert_allclose(found(Q[0]), expected[0], atol=1e-12)
    assert found(Q.reshape(5, 1, 3)).shape == (5, 1, 12, 12)
    module = importlib.import_module(RealSpaceForceConstants.__module__)
    monkeypatch.setattr(module, "MEMORY", 1)
    assert_allclose(found(Q), expected, atol=1e-12)


def test_derivatives_by_q_and_by_the_blocks_are_exact():
    found, _, _ = random_constants(WURTZITE, (2, 2, 1))
    weights = RNG.normal(size=(12, 12))

    @jax.jit
    def value(q, blocks):
        return jnp.sum(weights * jnp.imag(found.replace(blocks=blocks)(q)))

    by_q, by_blocks = jax.grad(value, argnums=(0, 1))(Q[0], found.blocks)
    step = 1e-5
    for k in range(3):
        e = step * np.eye(3)[k]
        slope = value(Q[0] + e, found.blocks) - value(Q[0] - e, found.blocks)
        # h² of the difference, times (2πR)³
        assert_allclose(by_q[k], slope / (2 * step), rtol=1e-6)
    # Linear in the blocks.
    assert_allclose(jnp.sum(by_blocks * found.blocks), value(Q[0], found.blocks))


def test_derivatives_pass_through_a_grid():
    given = RNG.normal(size=(2, 2, 2, 6, 6)) + 0j
    shift = np.fft.fftn(given, axes=(0, 1, 2))

    def value(scale):
        constants = jnp.fft.ifftn(scale * shift, axes=(0, 1, 2))
        return jnp.sum(jnp.real(from_grid(silicon(), constants)(Q)))

    assert_allclose(jax.grad(value)(2.0), value(1.0))  # linear; round-off


def test_pairs_listed_twice_add_up():
    found, _, _ = random_constants(silicon(), (2, 1, 1))
    twice = jax.tree.map(lambda x: np.concatenate([x, x]), found)
    assert_allclose(twice(Q), 2 * found(Q), atol=1e-12)


def test_sites_that_do_not_fill_the_supercell_are_refused():
    sites = make_supercell(silicon(), (2, 1, 1))
    constants = np.zeros((2, 4, 3, 3))
    twice = np.zeros_like(sites.translation)
    with pytest.raises(ValueError, match="received some twice"):
        from_supercell(silicon(), sites.matrix, constants, atom=sites.atom, cells=twice)
    with pytest.raises(ValueError, match=r"shape \(2, 4, 3, 3\); received"):
        from_supercell(
            silicon(),
            sites.matrix,
            constants[:, :3],
            atom=sites.atom[:3],
            cells=sites.translation[:3],
        )


def test_grids_of_another_crystal_or_across_a_vacuum_are_refused():
    with pytest.raises(ValueError, match="6 x 6 matrices"):
        from_grid(silicon(), np.zeros((1, 1, 1, 3, 3), complex))
    slab = silicon().replace(pbc=(True, True, False))
    with pytest.raises(ValueError, match="periodic directions only"):
        from_grid(slab, np.zeros((2, 2, 2, 6, 6), complex))
