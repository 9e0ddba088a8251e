"""Columns of force constants at random q: labels that potentials are trained on."""

from functools import partial

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, commensurate_q, make_supercell
from matjax.data import Example
from matjax.graphs import Shapes
from matjax.lattice_dynamics import phonons
from matjax.train import (
    ColumnExample,
    ColumnLoader,
    FitConfig,
    OptimizerConfig,
    Task,
    Term,
    common_shape,
    fit,
    make_evaluation,
    potential_predictions,
    random_columns,
)
from tests.train.argon import MODEL, student, teacher


def crystals():
    """Primitive cells of one and two atoms, away from equilibrium."""
    one = Crystal.create([18], 2.7 * (1 - np.eye(3)), fractional=[[0.0, 0, 0]])
    two = Crystal.create(
        [18, 18],
        np.diag([3.7, 3.8, 5.3]),
        fractional=[[0.0, 0, 0], [0.5, 0.5, 0.48]],
    )
    return {"one": one, "two": two}


def examples(count=9):
    rng, found = np.random.default_rng(4), []
    for name, crystal in crystals().items():
        source = phonons(teacher(), crystal).source
        columns = random_columns(source, crystal.n_atoms, count, rng)
        forces = {"forces": teacher()(crystal).forces}
        found.append(ColumnExample(crystal, *columns, labels=forces, source=name))
    return found


def loader(**kwargs):
    shape = common_shape(list(crystals().values()), MODEL.cutoff)
    options = {"batch_size": 2, "n_columns": 4, "dtype": np.float64, **kwargs}
    options.setdefault("shapes", Shapes((shape,), padding=0.0))
    return ColumnLoader(examples(), MODEL.cutoff, **options)


def test_columns_are_those_of_the_matrix_at_their_q():
    example = examples()[1]
    found = phonons(teacher(), example.crystal).force_constants(example.q)
    u = example.displacements[:, 0].reshape(len(found), -1)
    assert_allclose(np.linalg.norm(u, axis=1), 1)
    expected = np.einsum("qij,qj->qi", found, u).reshape(len(found), -1, 3)
    assert_allclose(example.columns[:, 0], expected.real, atol=1e-12)  # round-off
    assert_allclose(example.columns[:, 1], expected.imag, atol=1e-12)


def test_columns_of_a_supercell_at_gamma_are_those_of_the_cell_folded():
    crystal, size = crystals()["two"], (2, 1, 3)
    cell = make_supercell(crystal, size)
    n = cell.crystal.n_atoms
    source = phonons(teacher(), cell.crystal).source
    rng, gamma = np.random.default_rng(0), np.zeros((1, 3))
    q, u, found = random_columns(source, n, 8, rng, points=gamma)
    assert_allclose(q, 0)
    # Phi_S[iS, jT] = 1/N sum_q Phi(q)_ij exp(2 pi i q.(S - T))
    points = commensurate_q(size)
    phi = phonons(teacher(), crystal).force_constants(points).reshape(-1, 2, 3, 2, 3)
    phases = np.exp(2j * np.pi * cell.translation @ points.T)
    blocks = phi[:, cell.atom][:, :, :, cell.atom]
    folded = np.einsum("sq,tq,qsatb->satb", phases, phases.conj(), blocks) / len(points)
    expected = np.einsum("satb,ctb->csa", folded, u[:, 0])
    assert_allclose(found[:, 0], expected.real, atol=1e-12)  # round-off
    assert_allclose(found[:, 1], 0, atol=1e-12)


def test_more_columns_at_gamma_than_there_are_are_refused():
    source = phonons(teacher(), crystals()["one"]).source
    rng, gamma = np.random.default_rng(0), np.zeros((1, 3))
    with pytest.raises(ValueError, match=r"3 columns at each q.* 1; received count"):
        random_columns(source, 1, 4, rng, points=gamma)


def test_a_teacher_predicts_its_own_columns_in_padded_batches():
    batch = next(loader().iterate())
    predict = jax.jit(
        jax.vmap(potential_predictions(MODEL, ("columns", "forces")), (None, 0))
    )
    found = predict(teacher().params, batch)
    assert batch.labels["columns"].shape == (2, 4, 2, 2, 3)
    assert_allclose(found["columns"], batch.labels["columns"], atol=1e-12)  # round-off
    assert_allclose(found["forces"], batch.labels["forces"], atol=1e-12)


@pytest.mark.slow
def test_training_on_columns_alone_finds_the_potential(tmp_path):
    task = Task(
        potential_predictions(MODEL, ("columns",)),
        student().params,
        [Term("columns", 1.0, "mse", scale=0.1)],
    )
    source = loader()
    config = FitConfig(
        epochs=1500,  # steps: a deep well and a wide one differ by little
        optimizer=OptimizerConfig(name="adam", learning_rate=1e-2, warmup=0.0),
        average_decay=0.0,
        validate_every=500,
    )
    found = fit(task, source, source.in_order, tmp_path, config)
    # What Adam leaves at the end of its schedule.
    assert_allclose(found.params["epsilon"], 0.012, rtol=1e-3)
    assert_allclose(found.params["sigma"], 3.3, rtol=1e-3)


def test_the_stream_goes_on_where_it_stopped_and_takes_every_crystal():
    stream = loader(batch_size=1).iterate()
    first = [next(stream) for _ in range(2)]
    sizes = sorted(int(b.graph.node_mask.sum()) for b in first)
    assert sizes == [1, 2]
    rest = [next(stream) for _ in range(3)]
    again = loader(batch_size=1).iterate({"next_batch": 2})
    for batch in rest:
        assert_allclose(next(again).inputs["q"], batch.inputs["q"], rtol=0)
    other = next(loader(batch_size=1, seed=1).iterate())
    assert other.inputs["q"].shape == first[0].inputs["q"].shape


def test_parts_of_a_data_set_have_one_shape_if_it_is_given():
    shape = common_shape(list(crystals().values()), MODEL.cutoff)
    shapes = Shapes((shape,), padding=0.0)
    found = ColumnLoader(
        examples()[:1], MODEL.cutoff, batch_size=1, n_columns=4, shapes=shapes
    )
    assert found.batch(0).graph.numbers.shape == (1, 2)
    assert (
        found.batch(0).graph.senders.shape == loader().batch(0).graph.senders[:1].shape
    )


def test_parts_that_fill_a_batch_do_not_count():
    source, terms = loader(), [Term("columns", 1.0), Term("forces", 1.0)]
    predict = potential_predictions(MODEL, ("columns", "forces"))
    evaluate = jax.jit(make_evaluation(predict, terms))
    one, three = (
        [evaluate(student().params, batch) for batch in source.in_order(n)]
        for n in (1, 3)
    )
    assert (len(one), len(three)) == (2, 1)
    both = jax.tree.map(np.add, *one)
    assert both["columns"].count == (1 + 2) * 4 * 2 * 3
    jax.tree.map(partial(assert_allclose, rtol=1e-12), three[0], both)  # round-off


def test_batches_hold_crystals_of_one_size_and_an_epoch_all_of_them():
    """Five crystals of two sizes: three batches of two, one crystal comes twice."""
    some = examples()
    five = [some[k] for k in (0, 1, 0, 1, 1)]
    found = ColumnLoader(five, MODEL.cutoff, batch_size=2, n_columns=4, seed=3)
    shapes = {part.graph.senders.shape for part in found.parts}
    assert len(shapes) == 2
    assert found.steps_per_epoch == 3
    for epoch in (0, 1):
        batches = [found.batch(3 * epoch + k) for k in range(3)]
        atoms = [b.graph.node_mask.sum(axis=1).tolist() for b in batches]
        assert sorted(atoms) == [[1, 1], [2, 2], [2, 2]]
        assert all(b.graph.node_mask.all() for b in batches)  # nothing is padded
        assert set(found._order(epoch).ravel().tolist()) == set(range(5))


def test_crystals_without_columns_come_beside_each_once_in_an_epoch():
    some = [
        Example(e.crystal, e.labels, f"{e.source} {k}")
        for k in range(2)
        for e in examples()
    ]
    some.append(some[0])
    found = loader(beside=some, per_crystal=2, batch_size=1)
    stream = found.iterate()
    pairs = [next(stream) for _ in range(5)]
    # Two in each step: two rounds of five, of which three and two are alike.
    alike = {part.graph.positions.tobytes(): 0 for part in found.beside}
    for with_columns, without in pairs:
        assert with_columns.labels.keys() == {"columns", "forces"}
        assert without.labels.keys() == {"forces"}
        assert without.graph.numbers.shape == (2, 2)
        for positions in without.graph.positions:
            alike[positions.tobytes()] += 1
    assert sorted(alike.values()) == [4, 6]
    first = loader(batch_size=1)
    assert found.fingerprint["columns"] != first.fingerprint["columns"]
    for k, (with_columns, _) in enumerate(pairs):
        assert_allclose(with_columns.inputs["q"], first.batch(k).inputs["q"], rtol=0)
    jax.tree.map(partial(assert_allclose, rtol=0), found.batch(3), pairs[3])


def test_too_few_columns_or_crystals_are_refused():
    with pytest.raises(ValueError, match="one: a step takes 10 columns"):
        loader(n_columns=10)
    with pytest.raises(ValueError, match="1 to 2 crystals"):
        loader(batch_size=3)
