"""Rows: few shapes for many crystals, averages over a group that padding leaves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import (
    Crystal,
    neighbors,
    space_group,
    symmetrize_tensor,
    symmetrize_vectors,
)
from matjax.graphs import Shape, update_neighbor_list
from matjax.mechanics.rows import Job, bare_graph, grouped, padded, sizes_of
from tests.force_constants.lattices import silicon

RNG = np.random.default_rng(5)


def cell_of(n, length=4.5):
    cell = length * np.eye(3) + 0.2 * RNG.normal(size=(3, 3))
    grid = np.stack(np.meshgrid(*[[0, 0.5]] * 3), axis=-1).reshape(-1, 3)[:n]
    return Crystal.create(
        [18] * n, cell, fractional=grid + 0.02 * RNG.normal(size=(n, 3))
    )


def measured(job, cutoff=6.0):
    job.measure(cutoff)
    return job


def test_many_crystals_have_few_shapes_which_hold_them():
    jobs = [measured(Job(k, cell_of(1 + k % 8))) for k in range(40)]
    groups = grouped(jobs, 6.0)
    assert len(groups) <= 3
    assert sorted(job.index for _, group in groups for job in group) == list(range(40))
    for sizes, group in groups:
        for job in group:
            n_nodes, degree, _ = job.needed
            assert n_nodes <= sizes.n_nodes
            assert degree <= sizes.degree


def test_standard_sizes_are_those_of_each_crystal_alone():
    jobs = [measured(Job(k, cell_of(1 + k % 8))) for k in range(24)]
    groups = grouped(jobs, 6.0, "standard")
    assert len(groups) <= 6
    for sizes, group in groups:
        assert len(set(sizes.reach)) == 1
        for job in group:
            ((alone, _),) = grouped([job], 6.0, "standard")
            assert alone == sizes


def test_sizes_of_a_shape_let_every_crystal_find_its_neighbors():
    jobs = [measured(Job(k, cell_of(8, length))) for k, length in enumerate((5, 3.5))]
    shape = Shape(10, max(job.needed[1] for job in jobs), 1)
    sizes = sizes_of(jobs, shape, 6.0)
    for job in jobs:
        graph = bare_graph(job.crystal, sizes.n_nodes)
        found = update_neighbor_list(
            sizes.neighbor_list(6.0, job.crystal.pbc),
            *(graph.positions, graph.cell[0], graph.node_mask),
        )
        assert not found.overflow
        assert found.mask.sum() == neighbors(job.crystal, 6.0).mask.sum()


def test_a_crystal_that_needs_bins_comes_alone():
    large = silicon()
    repeated = Crystal.create(
        np.tile(large.numbers, 6**3),
        large.cell * 6,
        fractional=np.concatenate(
            [
                (np.asarray(large.fractional) + shift) / 6
                for shift in np.stack(np.meshgrid(*[range(6)] * 3), -1).reshape(-1, 3)
            ]
        ),
    )
    groups = grouped([measured(Job(k, repeated), 5.0) for k in (0, 1)], 5.0)
    assert [len(group) for _, group in groups] == [1, 1]
    assert all(np.prod(sizes.bins) > 1 for sizes, _ in groups)


def test_repeated_operations_leave_averages_as_they_are():
    crystal = silicon()
    group = space_group(crystal)
    many = padded(group, 5)
    assert many.n_operations % 48 == 0
    vectors = RNG.normal(size=(2, 3))
    filled = np.concatenate([vectors, RNG.normal(size=(3, 3))])
    expected = symmetrize_vectors(group, crystal.cell, vectors)
    found = symmetrize_vectors(many, crystal.cell, filled)[:2]
    assert_allclose(found, expected, atol=1e-12)  # round-off
    tensor = RNG.normal(size=(3, 3))
    assert_allclose(
        symmetrize_tensor(many, crystal.cell, tensor),
        symmetrize_tensor(group, crystal.cell, tensor),
        atol=1e-12,
    )


def test_two_atoms_on_one_place_have_no_row():
    crystal = Crystal.create([18, 18], 5 * np.eye(3), fractional=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="atoms must lie at least"):
        measured(Job(0, crystal))
