"""Networks with latents: losses, what samples begin with, and what seeds give."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

from matjax.data import Dataset, Example, LabeledGraphs, Share, in_order, numbered
from matjax.generate import (
    Constraints,
    LatentModel,
    ProcessConfig,
    denoising_labels,
    denoising_losses,
    load_generator,
    require_process,
    save_generator,
)
from matjax.generate.latent import begun, contents_of, in_crystal
from matjax.graphs import build_graph
from tests.generate import variational
from tests.generate.test_generator import generator as without_latents

NAMES = ["cdvae", "symat"]


@pytest.fixture(scope="module", params=NAMES)
def chooser(request):
    return variational.generator(request.param)


def batch_of(generator, crystals, value=None):
    """All crystals, each alone in a part of the batch."""
    labels = denoising_labels(generator.process, generator.model)

    def labeled(k, crystal):
        zeros = {
            label.name: np.zeros(crystal.n_atoms) if label.of_atoms else 0.0
            for label in labels.values()
        }
        own = {} if value is None else {"gap": value * k}
        return Example(crystal, {"example": float(k), **zeros, **own}, f"#{k}")

    examples = tuple(labeled(k, c) for k, c in enumerate(crystals))
    names = [*labels.values(), "example", *([] if value is None else ["gap"])]
    graphs = LabeledGraphs(Dataset(examples, "some", "some"), 0.0, labels=names)
    share = Share(n_shards=len(crystals))
    batches = in_order(graphs, batch_size=len(crystals), share=share)
    return numbered(next(iter(batches))[1], 0)


def mean_losses(generator, params, batch):
    predict = denoising_losses(generator.model, generator.process)
    losses = jax.jit(jax.vmap(predict, (None, 0)))(params, batch)
    return {k.removesuffix("_loss"): jnp.mean(v) for k, v in losses.items()}


def test_networks_keep_the_protocol(chooser):
    assert isinstance(chooser.model, LatentModel)


def test_losses_are_those_that_have_labels_and_weights(chooser):
    batch = batch_of(chooser, [variational.crystal([22, 8, 8])])
    labels = denoising_labels(chooser.process, chooser.model)
    losses = mean_losses(chooser, chooser.params, batch)
    assert set(labels) == set(losses) == set(chooser.model.terms)
    assert all(np.isfinite(x) and x >= 0 for x in losses.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["cdvae", pytest.param("symat", marks=pytest.mark.slow)]
)
def test_training_on_few_crystals_lowers_every_part_of_the_loss(name):
    """Noise is the same in every step, so that the loss has nothing to jump for."""
    generator = variational.generator(name)
    crystals = [variational.crystal([22, 8, 8], 3.0 + 0.2 * k, k) for k in range(2)]
    crystals += [variational.crystal([38, 22, 8, 8, 8], 4.0 + k, k) for k in range(2)]
    batch = batch_of(generator, crystals)
    weights = generator.model.terms

    def loss(params):
        losses = mean_losses(generator, params, batch)
        return sum(weights[k] * v for k, v in losses.items()), losses

    optimizer = optax.adam(0.02)

    @jax.jit
    def step(carry, _):
        params, state = carry
        (total, losses), slope = jax.value_and_grad(loss, has_aux=True)(params)
        change, state = optimizer.update(slope, state)
        return (optax.apply_updates(params, change), state), (total, losses)

    start = (generator.params, optimizer.init(generator.params))
    _, (totals, losses) = jax.lax.scan(step, start, length=100)
    assert totals[-1] < 0.4 * totals[0]
    for part in set(weights) - {"divergence"}:
        assert losses[part][-1] < losses[part][0], part


@pytest.mark.slow
def test_a_prior_that_is_a_diffusion_does_not_move_the_latents():
    generator = variational.generator(
        *("cdvae",), prior="diffusion", told=("property",), label="gap"
    )
    batch = batch_of(generator, [variational.crystal([22, 8, 8])] * 2, value=1.5)

    def prior_loss(params):
        return mean_losses(generator, params, batch)["prior"]

    slopes = jax.jit(jax.grad(prior_loss))(generator.params)
    largest = {
        k: max(np.abs(x).max() for x in jax.tree.leaves(v)) for k, v in slopes.items()
    }
    assert largest["latent_prior"] > 1e-4
    assert max(v for k, v in largest.items() if k != "latent_prior") == 0


def test_samples_begin_with_what_their_latent_tells(chooser):
    z = jax.random.normal(jax.random.key(3), (chooser.model.n_latent,))
    about = (chooser.model, chooser.params, chooser.process)
    read = chooser.model.apply({"params": chooser.params}, z[None], method="read")
    n_atoms = int(read.n_atoms[0])
    given = chooser._given([np.zeros(n_atoms, int)], 8)
    state, process = begun(*about, jax.tree.map(lambda x: x[0], given), z)
    assert_allclose(state.cell, read.cell)
    assert_allclose(process.fractional.cell, process.metric_cell(state))
    if chooser.process.elements is None:
        counts = np.bincount(np.asarray(state.elements)[:n_atoms], minlength=3)
        assert_allclose(counts, n_atoms * np.asarray(read.shares[0]), atol=1e-9)
    else:
        assert_allclose(process.elements.composition, read.shares[0])


def test_without_a_latent_everything_stays(chooser):
    given = jax.tree.map(lambda x: x[0], chooser._given([np.zeros(3, int)], 4))
    process = chooser.process
    assert begun(None, None, process, given, None) == (given, process)


def test_contents_are_those_of_the_crystal(chooser):
    crystal = variational.crystal([38, 22, 8, 8, 8])
    state = chooser.process.encode(build_graph(crystal, 0.0, n_nodes=8))
    contents = contents_of(chooser.process, state, jnp.array([2.0]))
    assert int(contents.n_atoms[0]) == 5
    assert_allclose(contents.shares[0], [0.6, 0.2, 0.2])  # O, Ti, Sr
    assert_allclose(contents.cell, state.cell)
    assert_allclose(contents.value, 2)
    bound = in_crystal(chooser.process, state, contents)
    assert_allclose(bound.fractional.cell, 3.9 * np.eye(3), atol=1e-9)


@pytest.mark.slow
def test_a_seed_gives_the_same_samples_in_any_number(chooser):
    one = chooser.sample(n=1, seed=4)[0]
    several = chooser.sample(n=3, seed=4)
    assert several[0].numbers.tolist() == one.numbers.tolist()
    # Matrix products of another shape round differently.
    assert_allclose(several[0].fractional, one.fractional, atol=1e-9)
    assert_allclose(several[0].cell, one.cell, rtol=1e-9)
    assert np.abs(several[1].cell - one.cell).max() > 1e-6
    assert {int(z) for c in several for z in c.numbers} <= {8, 22, 38}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_structures_of_a_formula_are_predicted(name):
    generator = variational.told(name)
    found = generator.sample("SrTiO3", n=2, seed=1)
    assert all(sorted(c.numbers.tolist()) == [8, 8, 8, 22, 38] for c in found)
    assert np.abs(found[0].cell - found[1].cell).max() > 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_a_file_keeps_all_of_it(name, tmp_path):
    generator = variational.generator(name)
    loaded = load_generator(save_generator(generator, tmp_path / "g.safetensors"))
    assert loaded.recipe == generator.recipe
    assert loaded.model == generator.model
    one, other = (g.sample(n=1, seed=3)[0] for g in (generator, loaded))
    assert_allclose(other.fractional, one.fractional, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "process", "answer"),
    [
        ("cdvae", {}, r"CDVAE .*needs process: \{fractional: cartesian, cell: latent"),
        ("symat", {"elements": "composition"}, "elements: latent"),
        ("diffcsp", {"cell": "latent"}, r"cell: latent\} is read from a latent, which"),
        ("denoiser", {"elements": "composition"}, "Denoiser has not"),
        ("symat", {"elements": "latent", "given_share": 0.5}, "given_share: 0.5"),
    ],
)
def test_processes_that_the_network_cannot_serve_are_refused(name, process, answer):
    from matjax.models import make_model

    model = make_model({"name": name}, "denoiser", species=(8, 22))
    if name == "symat":
        process = {"fractional": "cartesian", "cell": "latent", **process}
    with pytest.raises(ValueError, match=answer):
        require_process(model, ProcessConfig(**process))


def test_samples_of_latents_take_no_constraints_and_others_no_latents(chooser):
    rows = [np.zeros(3, int)]
    with pytest.raises(ValueError, match="received space_group: leave it out"):
        chooser.sample_each(rows, constraints=Constraints(space_group=221))
    with pytest.raises(ValueError, match="DiffCSP has none"):
        without_latents().sample_each([np.array([8, 8, 22])], latents=jnp.zeros((1, 4)))


def test_latents_of_a_seed_tell_how_many_atoms_samples_of_it_have(chooser):
    sizes = [len(row) for row in chooser.unnamed(5, seed=2)]
    assert [c.n_atoms for c in chooser.sample(n=5, seed=2)] == sizes
