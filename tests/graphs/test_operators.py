"""Operators of the graph: each respond like the infinite crystal, and stay masked."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, make_supercell
from matjax.force_constants import force_constants
from matjax.graphs import (
    all_pairs,
    build_graph,
    gather_reverse,
    integer_wave_vectors,
    nearest,
    reverse,
    self_edges,
    triplets,
    within,
)
from matjax.numerics import safe_norm
from matjax.predictors import Potential
from matjax.testing import (
    check_derivatives,
    check_force_constants,
    check_padding_and_batch,
    check_supercell,
)

CUTOFF = 3.3
SPECIES = (8, 14)


def crystal():
    """Two atoms of different kind in a triclinic cell smaller than the cutoff."""
    return Crystal.create(
        [14, 8],
        [[3.0, 0.2, 0.1], [-1.0, 2.9, 0.4], [0.3, 0.8, 3.2]],
        fractional=[[0.05, 0.1, 0.2], [0.6, 0.45, 0.7]],
    )


def other():
    return Crystal.create(
        [14, 14, 8],
        [[3.4, 0.1, 0.0], [0.4, 3.6, 0.2], [0.0, -0.3, 3.5]],
        fractional=[[0.0, 0.1, 0.2], [0.55, 0.5, 0.05], [0.4, 0.1, 0.6]],
    )


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def smooth(r, cutoff=CUTOFF):
    """(1 − (r/c)²)⁴ within the cutoff: three derivatives are continuous."""
    return jnp.where(r < cutoff, 1 - (r / cutoff) ** 2, 0) ** 4


class Base(nn.Module):
    """A pair of features for each atom from its neighbors, to build upon."""

    cutoff: float = CUTOFF
    species: tuple[int, ...] = SPECIES

    def features(self, graph):
        r = safe_norm(graph.edge_vectors())
        scale = self.param("scale", nn.initializers.ones, ())
        z = 1 + 0.1 * scale * jnp.asarray(graph.numbers, r.dtype)
        edge = smooth(r)[:, None] * jnp.stack([jnp.cos(r), jnp.sin(2 * r)], axis=1)
        edge = edge * graph.gather(z)[:, None]
        return r, edge, jnp.tanh(z[:, None] * graph.scatter(edge))


class FedBack(Base):
    """A global state, read by the atoms and read out."""

    @nn.compact
    def __call__(self, graph):
        r, _, h = self.features(graph)
        state = graph.pool(h * h)
        h = jnp.tanh(h + graph.per_node(jnp.sin(3 * state)))
        shares = graph.node_softmax(h)
        weighted = graph.pool(shares * jnp.sin(h)) / graph.pool(shares)
        energy = graph.scatter(smooth(r)[:, None] * graph.gather(h))
        return jnp.sum(energy + graph.per_node(weighted) * h, axis=-1)


class Attention(Base):
    """Messages weighted by shares over the neighbors."""

    @nn.compact
    def __call__(self, graph):
        r, _, h = self.features(graph)
        logits = (
            graph.gather(h) * graph.spread(h[:, ::-1])
            + jnp.log(smooth(r) + 1e-3)[:, None]
        )
        h = h + graph.scatter(graph.softmax(logits) * graph.gather(jnp.sin(h)))
        return (h**2).sum(-1)


class LineGraph(Base):
    """Messages between edges that meet at either end."""

    @nn.compact
    def __call__(self, graph):
        short = within(graph, 3.0)
        vectors = short.graph.edge_vectors()
        r = safe_norm(vectors)
        corners, back = triplets(short.graph), reverse(short.graph)
        bond = smooth(r, 3.0)
        scale = self.param("scale", nn.initializers.ones, ())
        z = 1 + 0.1 * scale * jnp.asarray(graph.numbers, r.dtype)
        edge = bond * short.graph.gather(z)
        for _ in range(2):
            (a, b), (ra, rb) = corners.pair(vectors), corners.pair(r)
            cosine = jnp.sum(a * b, axis=-1) / (ra * rb)
            ea, eb = corners.pair(edge)
            ca, cb = corners.pair(bond)
            angle = ca * cb * jnp.cos(cosine + 1)
            met = corners.to_edges(angle * jnp.sin(eb), angle * jnp.sin(ea))
            edge = edge + bond * jnp.tanh(met)
            edge = edge + 0.5 * bond * gather_reverse(short.graph, back, edge)
        return short.graph.scatter(jnp.tanh(edge)) ** 2


class Ewald(Base):
    """Charges that depend on the surroundings, coupled through reciprocal space."""

    k_max: float = 2.2
    """1/Å."""
    reach: int = 6

    @nn.compact
    def __call__(self, graph):
        _, _, h = self.features(graph)
        k = integer_wave_vectors((self.reach,) * 3)

        def coulomb(at):
            squared = jnp.sum(at * at, axis=-1)
            inside = squared < self.k_max**2
            envelope = jnp.where(inside, 1 - squared / self.k_max**2, 0) ** 4
            return envelope / (squared + 0.3)

        volume = graph.volume[:, None, None]
        factors = graph.structure_factors(h, k) / volume
        field = graph.from_structure_factors(graph.filtered(factors, k, coulomb), k)
        h = jnp.tanh(h + field)
        factors = graph.structure_factors(h, k) / volume
        field = graph.from_structure_factors(graph.filtered(factors, k, coulomb), k)
        return (h * field).sum(-1)


MODELS = {
    "state": FedBack(),
    "attention": Attention(),
    "line graph": LineGraph(),
    "structure factors": Ewald(),
}


@pytest.fixture(params=MODELS, scope="module")
def potential(request):
    return Potential.create(MODELS[request.param]).astype(jnp.float64)


@pytest.mark.parametrize(
    "check",
    [
        check_force_constants,
        check_derivatives,
        check_supercell,
        check_padding_and_batch,
    ],
)
def test_operators_keep_the_contract_of_potentials(potential, check):
    check(potential, crystal())


def test_a_state_that_is_summed_without_the_rule_is_wrong_away_from_gamma():
    class Summed(FedBack):
        """The same, through sums that know nothing of q."""

        @nn.compact
        def __call__(self, graph):
            return super().__call__(graph.replace(q=None))

    q = np.array([[1 / 3, 1 / 2, 0.0], [0.0, 0.0, 0.0]])
    right, wrong = (response_at(q, model) for model in (FedBack(), Summed()))
    difference = np.abs(right - wrong).max(axis=(1, 2))
    assert difference[0] > 1e-3 * np.abs(right).max()
    assert difference[1] < 1e-12 * np.abs(right).max()


def response_at(q, model):
    potential = Potential.create(model).astype(jnp.float64)
    return force_constants(potential, potential.graph(crystal(), n_nodes=2), q)


# Pooling


def batch(**sizes):
    return build_graph([crystal(), other()], CUTOFF, **sizes)


def test_pools_are_means_over_atoms_and_padding_is_zero():
    graph = batch(n_nodes=8, n_graphs=4)
    values = random((8, 3))
    found = graph.pool(values)
    assert_allclose(found[0], values[:2].mean(0), atol=1e-15)  # round-off, as below
    assert_allclose(found[1], values[2:5].mean(0), atol=1e-15)
    assert_allclose(found[2:], 0)
    assert_allclose(graph.per_node(found)[:2], np.tile(found[0], (2, 1)))


@pytest.mark.parametrize("shift", [0.0, 800.0, -800.0])
def test_shares_add_up_to_one_and_empty_places_have_none(shift):
    graph = batch(n_nodes=8, n_graphs=4, degree=60)
    shares = graph.softmax(random((len(graph.senders), 2)) + shift)
    assert_allclose(graph.scatter(shares)[:5], 1, atol=1e-14)
    assert_allclose(shares[~np.asarray(graph.edge_mask)], 0)
    shares = np.asarray(graph.node_softmax(random((8, 2)) + shift))
    assert_allclose(shares[:2].sum(0), 1, atol=1e-14)
    assert_allclose(shares[2:5].sum(0), 1, atol=1e-14)
    assert_allclose(shares[5:], 0)


def test_an_empty_graph_gives_zeros_and_finite_derivatives():
    graph = batch(n_nodes=8, n_graphs=4)
    graph = graph.replace(
        edge_mask=jnp.zeros_like(graph.edge_mask),
        node_mask=jnp.zeros_like(graph.node_mask),
        graph_mask=jnp.zeros_like(graph.graph_mask),
    )
    for name, model in MODELS.items():
        params = model.init(jax.random.key(0), graph)

        def total(x, model=model, params=params):
            moved = graph.replace(positions=x)
            return moved.graph_sum(model.apply(params, moved)).sum()

        value, slope = jax.jit(jax.value_and_grad(total))(graph.positions)
        assert value == 0, name
        assert np.isfinite(slope).all(), name


# Edges of other kinds


def test_shorter_edges_are_those_of_a_shorter_cutoff():
    graph, expected = batch(degree=60), build_graph([crystal(), other()], 2.8)
    found = within(graph, 2.8)
    np.testing.assert_array_equal(
        found.graph.edge_mask.reshape(-1, 60).sum(1),
        expected.edge_mask.reshape(graph.n_nodes, -1).sum(1),
    )
    lengths = safe_norm(graph.edge_vectors())
    kept = safe_norm(found.graph.edge_vectors())
    mask = np.asarray(found.graph.edge_mask)
    assert_allclose(found.take(lengths)[mask], kept[mask])
    fewer = within(graph, 2.8, degree=expected.degree)
    assert np.isfinite(np.asarray(fewer.graph.edge_vectors())).all()
    most = int(expected.edge_mask.reshape(graph.n_nodes, -1).sum(1).max())
    assert np.isnan(within(graph, 2.8, degree=most - 1).graph.edge_vectors()).any()
    with pytest.raises(ValueError, match="between 1 and 60"):
        within(graph, 2.8, degree=61)


def test_the_nearest_are_kept():
    graph = batch(degree=60)
    found = nearest(graph, 3)
    lengths = np.asarray(safe_norm(graph.edge_vectors())).reshape(-1, 60)
    lengths = np.where(np.asarray(graph.edge_mask).reshape(-1, 60), lengths, np.inf)
    expected = np.sort(lengths, axis=1)[:5, :3]
    kept = np.asarray(safe_norm(found.graph.edge_vectors())).reshape(-1, 3)[:5]
    assert_allclose(kept, expected)
    assert found.graph.degree == 3


def test_every_edge_has_a_reverse_whose_reverse_it_is():
    graph = batch(degree=60)
    back = reverse(graph)
    mask = np.asarray(graph.edge_mask)
    np.testing.assert_array_equal(back.mask, mask)
    slots = np.asarray(back.slots)[mask]
    np.testing.assert_array_equal(np.asarray(back.slots)[slots], np.flatnonzero(mask))
    vectors = np.asarray(graph.edge_vectors())
    assert_allclose(vectors[slots], -vectors[mask], atol=1e-14)  # round-off
    one_sided = nearest(graph, 1).graph
    assert not np.asarray(reverse(one_sided).mask)[
        np.asarray(one_sided.edge_mask)
    ].all()


def test_messages_between_edges_are_those_of_a_loop():
    graph = build_graph(crystal(), 2.8, n_nodes=2)
    corners = triplets(graph)
    mask = np.asarray(graph.edge_mask)
    values = random(len(mask))
    first, second = corners.pair(jnp.asarray(values))
    found = corners.to_edges(jnp.sin(second), jnp.sin(first))
    receivers = np.asarray(graph.receivers)
    for e in np.flatnonzero(mask):
        others = mask & (receivers == receivers[e])
        others[e] = False
        assert_allclose(found[e], np.sin(values[others]).sum(), atol=1e-12)
    assert_allclose(found[~mask], 0)


def test_edges_to_own_images_are_cell_vectors():
    graph = batch(n_nodes=8, n_graphs=4)
    own = self_edges(graph, [(1, 0, 0), (0, -1, 2)])
    vectors = own.edge_vectors().reshape(8, 2, 3)
    cells = np.asarray(graph.cell)
    for node, cell in ((1, cells[0]), (4, cells[1])):
        expected = [cell[0], 2 * cell[2] - cell[1]]
        assert_allclose(vectors[node], expected, atol=1e-14)  # round-off
    assert not np.asarray(own.edge_mask).reshape(8, 2)[5:].any()


class OwnImages(Base):
    """Messages along the first two cell vectors, the only ones within the cutoff."""

    through_graph: bool = False

    @nn.compact
    def __call__(self, graph):
        _, _, h = self.features(graph)
        if self.through_graph:
            z = jnp.asarray(graph.numbers, float)
            same = graph.gather(z) == graph.spread(z)
            own = graph.replace(edge_mask=graph.edge_mask & same)
        else:
            own = self_edges(graph, [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)])
        weights = jnp.exp(-safe_norm(own.edge_vectors()))[:, None]
        return jnp.sum(h * own.scatter(weights * own.gather(jnp.sin(h))), axis=-1)


def test_edges_to_own_images_respond_as_those_of_the_graph():
    q = random((3, 3))
    expected = response_at(q, OwnImages(through_graph=True))
    found = response_at(q, OwnImages())
    # Round-off.
    assert_allclose(found, expected, atol=1e-11 * np.abs(expected).max())


def test_pairs_of_all_atoms_stay_in_their_crystal():
    graph = batch(n_nodes=8, n_graphs=4)
    pairs = all_pairs(graph, n_atoms=3)
    values = random((8, 2))
    summed = pairs.scatter(pairs.gather(jnp.asarray(values)))
    assert_allclose(summed[1], values[:2].sum(0), atol=1e-14)  # round-off
    assert_allclose(summed[3], values[2:5].sum(0), atol=1e-14)
    assert_allclose(summed[5:], 0)
    with pytest.raises(ValueError, match="no vectors"):
        pairs.edge_vectors()
    with pytest.raises(ValueError, match="through pool"):
        all_pairs(graph.responding(jnp.zeros(3)))


# Reciprocal space


def test_structure_factors_are_their_definition_and_waves_their_transpose():
    graph = batch(n_nodes=8, n_graphs=3)
    k = integer_wave_vectors((2, 1, 1))
    h = random((8, 2))
    found = np.asarray(graph.structure_factors(jnp.asarray(h), k))
    for g, c, rows in ((0, crystal(), slice(0, 2)), (1, other(), slice(2, 5))):
        phases = np.exp(-2j * np.pi * k @ np.asarray(c.fractional).T)
        assert_allclose(found[g], phases @ h[rows], atol=1e-12)  # round-off
    assert_allclose(found[2], 0)
    factors = random((3, len(k), 2), 1) + 1j * random((3, len(k), 2), 2)
    waves = graph.from_structure_factors(jnp.asarray(factors), k)
    inner = np.sum(np.asarray(waves) * h)
    assert_allclose(np.sum((factors * found.conj()).real), inner, rtol=1e-12)


def test_the_stress_of_a_crystal_in_reciprocal_space_is_that_of_its_supercell():
    potential = Potential.create(Ewald()).astype(jnp.float64)
    large = make_supercell(crystal(), (2, 1, 1)).crystal
    one, two = potential(crystal()), potential(large)
    assert_allclose(two.energy, 2 * one.energy, rtol=1e-10)
    assert_allclose(two.stress, one.stress, atol=1e-10 * np.abs(one.stress).max())
