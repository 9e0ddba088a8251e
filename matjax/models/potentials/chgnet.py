"""CHGNet: a graph network of atoms, bonds and angles that knows magnetic moments.

Source: Deng et al., Nat. Mach. Intell. 5, 1031 (2023); what the paper leaves open as in
the published code (chgnet 0.4.2) and weights.
"""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import (
    Graph,
    Reverse,
    Subgraph,
    Triplets,
    gather_reverse,
    reverse,
    triplets,
    within,
)
from matjax.nn import (
    Perceptron,
    embedded_species,
    polynomial_envelope,
    sine_basis,
    species_energies,
)
from matjax.numerics import safe_norm

EPSILON = 1e-5
"""Added to variances by the layer norms of the published weights."""


class CHGNet(nn.Module):
    """Node energies and magnetic moments from features of atoms, bonds and angles.

    | equation                                                      | code            |
    |---------------------------------------------------------------|-----------------|
    | v_i = embedding of the element                                | ``embedding``   |
    | e_ij = W u(r_ij), u_n = √(2/c) sin(f_n r/c)/r times envelope  | ``bond``        |
    | w^a_ij = W u(r_ij), to 6 Å; w^b_ij = W u'(r_ij), to 3 Å       | ``weigh_*``     |
    | a_ijk = W (1/√2, sin(f_n θ_jik), cos(f_n θ_jik))/√π           | ``angle``       |
    | v_i ← v_i + L Σ_j φ(v_i ⊕ e_ij ⊕ v_j) ⊙ w^a_ij                | ``AtomUpdate``  |
    | e_ij ← e_ij + L Σ φ(e_ij ⊕ e_ik ⊕ a_ijk ⊕ v_i) ⊙ w^b_ij w^b_ik | ``BondUpdate``  |
    | a_ijk ← a_ijk + φ(e_ij ⊕ e_ik ⊕ a_ijk ⊕ v_i)                  | ``AngleUpdate`` |
    | m_i = abs(W v_i + b), before the last update of the atoms     | ``moments``     |
    | E_i = MLP(norm(v_i)) + energy of the element                  | ``readout``     |

    φ is a gated perceptron. A bond has one feature e_ij = e_ji; the sum of its update
    is over the angles at both of its ends. Here each bond is two edges, one from each
    end, which begin with the same features; each gathers the angles at its own
    receiver, and both get the sum of the two: so they stay the same, and are the
    undirected bond of the original.

    Angles are ordered pairs of bonds: a_ijk and a_ikj begin as the same and differ
    after an update. The original updates angles once more after the last bonds, which
    nothing reads.

    Energies have two continuous derivatives as neighbors cross either cutoff, unless
    ``biased``, where the first pair of bonds of a crystal that is shorter than the
    bonds' cutoff moves all bonds by the bias: by 1.7 eV/atom in fcc potassium of that
    bond length with version 0.2.0.

    Functions of angles have a kink where three atoms lie in a row. Cosines times
    1 − ``rounding`` round it off over √(2 rounding), with the published 10⁻⁶ over
    10⁻³ rad. Exact force constants of crystals with bonds in a row are those of this
    rounding, in no relation to forces at any larger displacement: the force on
    magnesium in MgO by its displacement is 0.0 eV/Å² at 10⁻⁴ Å, 4.5 at 0.01 Å and 5.0
    at 0.03 Å with version 0.3.0. A larger rounding makes another potential, whose
    phonons mean something.

    Attributes:
        species: atomic numbers, in the order of the embedding's rows.
        cutoff: Å, of the messages to atoms.
        bond_cutoff: Å, of bonds that make angles.
        bonds: places for such bonds of each atom; with more, energies are NaN.
        features: of each atom, bond and angle.
        layers: updates of the atoms; one less of the bonds, two less of the angles.
        basis: number of radial functions.
        angular_basis: number of frequencies of the angles.
        envelope: power of the polynomial envelope.
        head: widths of the readout's hidden layers.
        norm: whether gated perceptrons and the readout have layer norms.
        biased: whether L has a bias.
        rounding: by how much cosines are less than those of the angles.
    """

    species: tuple[int, ...]
    cutoff: float = 6.0
    bond_cutoff: float = 3.0
    bonds: int = 32
    features: int = 64
    layers: int = 4
    basis: int = 31
    angular_basis: int = 15
    envelope: float = 8.0
    head: tuple[int, ...] = (64, 64, 64)
    norm: bool = True
    biased: bool = False
    rounding: float = 1e-6

    outputs: ClassVar[dict[str, str]] = {"magmoms": "magnetic_moments"}
    """Labels of what it gives beside energies, and the methods that do."""

    @nn.compact
    def __call__(self, graph: Graph, *, moments: bool = False) -> Float[Array, "nodes"]:
        """Node energies, eV, or with ``moments`` magnetic moments, μB.

        Raises:
            ValueError: if there are fewer than two layers, or bonds are longer than
                the cutoff.
        """
        if self.layers < 2 or self.bond_cutoff > self.cutoff:
            raise ValueError(
                "layers must be at least 2, and bond_cutoff no longer than cutoff; "
                f"received {self.layers}, {self.bond_cutoff} and {self.cutoff} Å"
            )
        n = self.features
        radial = self._radial(graph, self.cutoff, "frequencies")
        v = embedded_species(graph, self.species, n, name="embedding")
        e = nn.Dense(n, use_bias=False, name="bond")(radial)
        weights = nn.Dense(n, use_bias=False, name="weigh_edges")(radial)
        corners = self._corners(graph)
        angles = self._angles(corners)
        for i in range(self.layers - 1):
            v = AtomUpdate(n, self.norm, self.biased, name=f"atoms_{i}")(
                graph, v, e, weights
            )
            e = BondUpdate(n, self.norm, self.biased, name=f"bonds_{i}")(
                graph, corners, v, e, angles
            )
            if i < self.layers - 2:
                angles = AngleUpdate(n, self.norm, name=f"angles_{i}")(
                    corners, v, e, angles
                )
            else:
                moment = nn.Dense(1, name="moments")(v)[:, 0]
                if moments:
                    return jnp.abs(moment)
        last = f"atoms_{self.layers - 1}"
        v = AtomUpdate(n, self.norm, self.biased, name=last)(graph, v, e, weights)
        if self.norm:
            v = layer_norm("readout_norm")(v)
        widths = (*self.head, 1)
        energies = Perceptron(widths, ends_active=False, name="readout")(v)[:, 0]
        return energies + species_energies(self, graph, self.species)

    def magnetic_moments(self, graph: Graph) -> Float[Array, "nodes"]:
        """Size of the magnetic moment of each atom, μB."""
        return self(graph, moments=True)

    def _radial(self, graph: Graph, cutoff: float, name: str) -> Array:
        """Radial functions of learned frequencies that end at a cutoff."""
        r = safe_norm(graph.edge_vectors())
        first = jnp.arange(1, self.basis + 1, dtype=float)
        frequencies = self.param(name, lambda _: first).astype(r.dtype)
        ends = polynomial_envelope(r, cutoff, self.envelope)[:, None]
        return math.sqrt(cutoff / 2) * sine_basis(r, frequencies, cutoff) * ends

    def _corners(self, graph: Graph) -> Corners:
        """The shorter bonds and the pairs of them that meet at an atom."""
        bonds = within(graph, self.bond_cutoff, min(self.bonds, graph.degree))
        radial = self._radial(bonds.graph, self.bond_cutoff, "bond_frequencies")
        weigh = nn.Dense(self.features, use_bias=False, name="weigh_bonds")
        return Corners(
            bonds, reverse(bonds.graph), triplets(bonds.graph), weigh(radial)
        )

    def _angles(self, corners: Corners) -> Angles:
        """First features of the angles, in both orders the same."""
        vectors = corners.bonds.graph.edge_vectors()
        units = vectors / safe_norm(vectors)[:, None]
        a, b = corners.pairs.pair(units)
        cosines = jnp.sum(a * b, axis=-1) * (1 - self.rounding)
        angle = jnp.arccos(cosines)[:, None]
        first = jnp.arange(1, self.angular_basis + 1, dtype=float)
        frequencies = self.param("angular_frequencies", lambda _: first)
        phases = angle * frequencies.astype(angle.dtype)
        constant = jnp.full_like(angle, 1 / math.sqrt(2))
        waves = jnp.concatenate([constant, jnp.sin(phases), jnp.cos(phases)], axis=-1)
        dense = nn.Dense(self.features, use_bias=False, name="angle")
        features = dense(waves / math.sqrt(math.pi))
        return Angles(features, features)


class Corners(NamedTuple):
    """Bonds shorter than a second cutoff, and where they meet."""

    bonds: Subgraph
    back: Reverse
    pairs: Triplets
    weights: Float[Array, "bonds features"]
    """Of messages along angles, 0 from the second cutoff on."""


class Angles(NamedTuple):
    """Features of the angles, of which each pair of bonds has two."""

    first: Float[Array, "triplets features"]
    """Of the first bond with the second."""
    second: Float[Array, "triplets features"]
    """Of the second bond with the first."""


class AtomUpdate(nn.Module):
    """Features of the atoms with the messages along all edges."""

    features: int
    norm: bool
    biased: bool

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        v: Float[Array, "nodes features"],
        e: Float[Array, "edges features"],
        weights: Float[Array, "edges features"],
    ) -> Float[Array, "nodes features"]:
        """Node features after the update."""
        n = 2 * self.features  # the first layers of both perceptrons of a gated one
        # The maps of v act on atoms, of which there are fewer than edges.
        x = (
            graph.spread(nn.Dense(n, name="center")(v))
            + nn.Dense(n, use_bias=False, name="bond")(e)
            + graph.gather(nn.Dense(n, use_bias=False, name="neighbor")(v))
        )
        gated = Gated(self.features, self.norm, name="gated")
        sums = graph.scatter(gated(x) * weights)
        return v + nn.Dense(self.features, use_bias=self.biased, name="out")(sums)


class AngleInputs(nn.Module):
    """The first layer of a gated perceptron of bonds, angle and the atom between."""

    features: int

    @nn.compact
    def __call__(
        self,
        corners: Corners,
        v: Float[Array, "nodes features"],
        e: Float[Array, "edges features"],
        angles: Angles,
    ) -> Angles:
        """What it gives for both orders of each pair of bonds."""
        n = 2 * self.features
        bonds = corners.bonds.take(e)
        own = nn.Dense(n, use_bias=False, name="own")(bonds)
        own = own + corners.bonds.graph.spread(nn.Dense(n, name="center")(v))
        other = nn.Dense(n, use_bias=False, name="other")(bonds)
        angle = nn.Dense(n, use_bias=False, name="angle")
        own_first, own_second = corners.pairs.pair(own)
        other_first, other_second = corners.pairs.pair(other)
        return Angles(
            own_first + other_second + angle(angles.first),
            own_second + other_first + angle(angles.second),
        )


class BondUpdate(nn.Module):
    """Features of the bonds with the messages from those they meet at either end."""

    features: int
    norm: bool
    biased: bool

    @nn.compact
    def __call__(
        self,
        graph: Graph,
        corners: Corners,
        v: Float[Array, "nodes features"],
        e: Float[Array, "edges features"],
        angles: Angles,
    ) -> Float[Array, "edges features"]:
        """Edge features after the update."""
        x = AngleInputs(self.features, name="inputs")(corners, v, e, angles)
        gated = Gated(self.features, self.norm, name="gated")
        a, b = corners.pairs.pair(corners.weights)
        to_first, to_second = gated(x.first) * a * b, gated(x.second) * a * b
        sums = corners.pairs.to_edges(to_first, to_second)
        sums = sums + gather_reverse(corners.bonds.graph, corners.back, sums)
        out = nn.Dense(self.features, use_bias=False, name="out")
        e = e + corners.bonds.put(out(sums), graph)
        if self.biased:
            zeros = nn.initializers.zeros
            bias = self.param("bias", zeros, (self.features,))
            e = e + graph.spread(has_angles(graph, corners.pairs))[:, None] * bias
        return e


class AngleUpdate(nn.Module):
    """Features of the angles after those of bonds and atoms."""

    features: int
    norm: bool

    @nn.compact
    def __call__(
        self,
        corners: Corners,
        v: Float[Array, "nodes features"],
        e: Float[Array, "edges features"],
        angles: Angles,
    ) -> Angles:
        """Angle features after the update."""
        x = AngleInputs(self.features, name="inputs")(corners, v, e, angles)
        gated = Gated(self.features, self.norm, hidden=False, name="gated")
        return Angles(angles.first + gated(x.first), angles.second + gated(x.second))


class Gated(nn.Module):
    """What follows the first layers of a gated perceptron, side by side in its input.

    silu(norm(core)) ⊙ σ(norm(gate)), both after a second layer if there are hidden
    features.
    """

    features: int
    norm: bool
    hidden: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "... double"]) -> Float[Array, "... features"]:
        """The gated features."""
        core, gate = jnp.split(x, 2, axis=-1)
        if self.hidden:
            core = nn.Dense(self.features, name="core")(jax.nn.silu(core))
            gate = nn.Dense(self.features, name="gate")(jax.nn.silu(gate))
        if self.norm:
            core, gate = layer_norm("core_norm")(core), layer_norm("gate_norm")(gate)
        return jax.nn.silu(core) * jax.nn.sigmoid(gate)


def layer_norm(name: str) -> nn.LayerNorm:
    """A layer norm as the published weights need it."""
    return nn.LayerNorm(epsilon=EPSILON, use_fast_variance=False, name=name)


def has_angles(graph: Graph, pairs: Triplets) -> Float[Array, "nodes"]:
    """1 on the atoms of crystals in which two short bonds meet, else 0."""
    here = pairs.scatter(jnp.ones(pairs.mask.shape, graph.positions.dtype))
    found = graph.per_node(graph.pool(here)) > 0
    return found.astype(graph.positions.dtype)
