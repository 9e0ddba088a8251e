"""A trained generator: network, process and what it was trained on."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.typing import DTypeLike
from pydantic import BaseModel, ConfigDict

from matjax.arrays import Array
from matjax.crystals import Crystal
from matjax.generate.conditions import stated
from matjax.generate.constraints import Bound, Constraints, bind
from matjax.generate.coverage import Coverage
from matjax.generate.latent import (
    LatentModel,
    prior_latents,
    require_process,
    sizes_of,
)
from matjax.generate.processes import (
    JointProcess,
    ProcessConfig,
    Scales,
    State,
    joint_process,
)
from matjax.generate.rows import row_crystals, row_ways, sample_rows
from matjax.generate.sampler import SamplerConfig, sample_keys
from matjax.generate.steering import Steering
from matjax.graphs import bucket

CHUNK = 256
"""Samples that are made together."""


class Recipe(BaseModel):
    """All of a generator but its network: what its file says beside the model."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    process: ProcessConfig
    scales: Scales
    coverage: Coverage
    method: str
    """Name of the sampler that it takes by default."""
    steps: int
    """Of that sampler."""
    annealing: float = 0.0
    """Likewise."""

    @property
    def sampler(self) -> SamplerConfig:
        """The sampler that it takes by default."""
        return SamplerConfig(self.method, self.steps, annealing=self.annealing)


class Sampled(NamedTuple):
    """Samples in the order of their seeds."""

    crystals: list[Crystal | None]
    """None where a number was not finite, or the cell had no volume."""
    evaluations: int
    """Times that the network was asked for each."""
    ways: Sequence[list[Crystal | None]] = ()
    """Crystals after each step of each, where they were kept."""

    @property
    def finite(self) -> list[Crystal]:
        """Those that are crystals."""
        return [crystal for crystal in self.crystals if crystal is not None]

    @property
    def n_failed(self) -> int:
        """How many are none."""
        return len(self.crystals) - len(self.finite)


class Generator(struct.PyTreeNode):
    """Makes crystals: parameters are the leaves, the rest is static."""

    params: Any
    model: Any = struct.field(pytree_node=False)
    recipe: Recipe = struct.field(pytree_node=False)

    @property
    def process(self) -> JointProcess:
        """How noise comes and goes."""
        recipe = self.recipe
        require_process(self.model, recipe.process)
        return joint_process(recipe.process, self.model.species, recipe.scales)

    @property
    def predictor(self) -> Generator:
        """The generator to which elements are given, if it was trained for that too."""
        if not self.recipe.process.given_share:
            return self
        given = {"elements": "given", "given_share": 0.0}
        process = self.recipe.process.model_copy(update=given)
        recipe = self.recipe.model_copy(update={"process": process})
        return self.replace(recipe=recipe)

    @property
    def coverage(self) -> Coverage:
        """What it was trained on."""
        return self.recipe.coverage

    def astype(self, dtype: DTypeLike) -> Generator:
        """The same generator in another precision."""
        return self.replace(
            params=jax.tree.map(lambda x: jnp.asarray(x, dtype), self.params)
        )

    def sample(
        self,
        formula: str | None = None,
        n: int = 1,
        seed: int = 0,
        *,
        n_formula: int = 1,
        n_atoms: int | None = None,
        sampler: SamplerConfig | None = None,
        constraints: Constraints | None = None,
        conditions: Mapping[str, float | str] | None = None,
        guidance: float = 1.0,
        steering: Steering | None = None,
    ) -> list[Crystal]:
        """Crystals of a formula, or of a number of atoms.

        Args:
            formula: of one formula unit, such as ``SrTiO3``, for a generator to which
                elements are given, or were in a share of its training.
            n: number of samples.
            seed: the same seed gives the same samples, whatever their number.
            n_formula: formula units in a cell.
            n_atoms: of a cell, for a generator that chooses elements; by default as
                often as they occur in the data.
            sampler: by default that of the generator.
            constraints: cell, atoms or space group that samples have.
            conditions: values that samples shall have, by the names that the generator
                was trained with; elements such as ``Sr-Ti-O`` as ``chemical_system``.
            guidance: how much further than to the condition samples are led from those
                without one; the network is asked twice at each step.
            steering: by a potential, towards low energy or stable phonons.

        Returns:
            The samples that are finite; a warning counts the others.

        Raises:
            ValueError: naming what is covered, if the formula or the number of atoms is
                not; if the generator needs the one and received the other; or if
                constraints contradict it.
        """
        maker = self if formula is None else self.predictor
        rows = maker.compositions(
            *(formula, n, seed), n_formula=n_formula, n_atoms=n_atoms
        )
        sampled = maker.sample_each(
            *(rows, seed),
            sampler=sampler,
            constraints=constraints,
            conditions=conditions,
            guidance=guidance,
            steering=steering,
        )
        if sampled.n_failed:
            warnings.warn(
                f"{sampled.n_failed} of {n} samples are not finite and left out",
                stacklevel=2,
            )
        return sampled.finite

    def sample_each(
        self,
        compositions: Sequence[np.ndarray],
        seed: int = 0,
        *,
        sampler: SamplerConfig | None = None,
        constraints: Constraints | None = None,
        conditions: Mapping[str, float | str] | None = None,
        guidance: float = 1.0,
        steering: Steering | None = None,
        latents: Array | None = None,
        keep_ways: bool = False,
    ) -> Sampled:
        """One sample for each list of atomic numbers.

        Where elements are not given, their number alone counts; :attr:`predictor` is
        the generator to which they are. Atoms stand in this order; with constraints
        those that are held come first, or they ascend.

        Args:
            compositions: atomic numbers of each sample, (atoms,).
            seed: of all samples.
            sampler: by default that of the generator.
            constraints: cell, atoms or space group that samples have.
            conditions: as :meth:`sample` takes them.
            guidance: likewise.
            steering: likewise.
            latents: of each sample, (samples, latent), of a network that has them; by
                default drawn from its prior.
            keep_ways: whether crystals after each step are returned, too.

        Raises:
            ValueError: if an element or a condition is not known, constraints
                contradict a composition or a latent, or a network has no latents.
        """
        config = sampler or self.recipe.sampler
        constraints = constraints or Constraints()
        compositions = [constraints.ordered(row) for row in compositions]
        n_nodes = bucket(max((len(row) for row in compositions), default=1))
        given = self._given(compositions, n_nodes)
        keys = sample_keys(seed, len(compositions))
        if latents is not None or isinstance(self.model, LatentModel):
            bound = self._with_latents(constraints, keys, given, latents)
        else:
            given, bound = bind(constraints, self.process, compositions, given, seed)
        if conditions:
            asked = np.tile(stated(self.model, conditions), (len(compositions), 1))
            bound = bound.replace(conditions=asked)
        else:
            guidance = 0.0
        crystals: list[Crystal | None] = []
        ways: list[list[Crystal | None]] = []
        for start in range(0, len(compositions), CHUNK):
            some = np.arange(start, min(start + CHUNK, len(compositions)))
            # Of few samples and of many the same function, and so the same numbers.
            padded = np.resize(some, bucket(len(some), 2))
            rows, limits = jax.tree.map(lambda x, p=padded: x[p], (given, bound))
            made = sample_rows(
                *(self.params, keys[padded], rows, limits),
                np.asarray(guidance, float),
                steering,
                static=(self.model, self.process, config, keep_ways),
            )
            made = jax.device_get(made)
            crystals += row_crystals(made, len(some), constraints.cell)
            ways += row_ways(made, len(some), constraints.cell) if keep_ways else []
        asked_twice = bound.conditions is not None
        return Sampled(crystals, config.evaluations * (1 + asked_twice), ways)

    def unnamed(self, n: int, seed: int = 0) -> list[np.ndarray]:
        """Zeros for atoms whose elements are to be chosen, (atoms,) of each sample.

        Cells have as many atoms as those of the data, as often; or as many as the
        latents tell, of which samples of this seed are made.

        Args:
            n: number of samples.
            seed: of the choice.
        """
        if isinstance(self.model, LatentModel):
            about = (self.model, self.params, self.process)
            latents = prior_latents(*about, sample_keys(seed, n))
            return [np.zeros(k, int) for k in sizes_of(*about[:2], latents)]
        shares = np.array(self.coverage.shares)
        rng = np.random.default_rng(seed)
        sizes = rng.choice(self.coverage.n_atoms, n, p=shares / shares.sum())
        return [np.zeros(size, int) for size in sizes]

    def compositions(
        self,
        formula: str | None,
        n: int,
        seed: int = 0,
        *,
        n_formula: int = 1,
        n_atoms: int | None = None,
    ) -> list[np.ndarray]:
        """Atomic numbers of each sample; zeros where they are to be chosen.

        Args:
            formula: as :meth:`sample` takes it, and so the others.
            n: number of samples.
            seed: of the numbers of atoms, where they are drawn.
            n_formula: formula units in a cell.
            n_atoms: of a cell.

        Raises:
            ValueError: as :meth:`sample`.
        """
        chooses = self.recipe.process.elements != "given"
        if n < 1:
            raise ValueError(f"at least one sample is wanted; received n={n}")
        if chooses == (formula is not None):
            needed = "n_atoms and no formula" if chooses else "a formula"
            raise ValueError(
                f"this generator needs {needed}: elements are "
                f"{'chosen by it' if chooses else 'given to it'}; received "
                f"formula={formula!r}, n_atoms={n_atoms}"
            )
        if formula is not None:
            if n_atoms is not None:
                raise ValueError(
                    "a formula and n_formula say how many atoms there are; received "
                    f"n_atoms={n_atoms} too: leave it out"
                )
            return [self.coverage.atoms_of(formula, n_formula)] * n
        if n_atoms is not None:
            self.coverage.require_size(n_atoms, f"n_atoms={n_atoms}")
            return [np.zeros(n_atoms, int)] * n
        return self.unnamed(n, seed)

    def _given(self, compositions: Sequence[np.ndarray], n_nodes: int) -> State:
        """States with the atoms of each sample and nothing else, (samples, ...)."""
        n = len(compositions)
        index = np.zeros((n, n_nodes), np.int32)
        mask = np.zeros((n, n_nodes), bool)
        place = {z: k for k, z in enumerate(self.model.species)}
        wanted = {int(z) for row in compositions for z in row} - {0}
        self.coverage.require_species(wanted, "a composition")
        for row, filled, numbers in zip(index, mask, compositions, strict=True):
            row[: len(numbers)] = [place.get(int(z), 0) for z in numbers]
            filled[: len(numbers)] = True
        process = self.process
        dtype = jnp.result_type(*jax.tree.leaves(self.params))
        elements = jnp.asarray(index)
        if process.elements is not None:
            elements = jax.vmap(process.elements.encoded)(elements)
        return State(
            fractional=jnp.zeros((n, n_nodes, 3), dtype),
            cell=jnp.zeros((n, 1, 6), dtype),
            elements=elements,
            mask=jnp.asarray(mask),
        )

    def _with_latents(
        self,
        constraints: Constraints,
        keys: Array,
        given: State,
        latents: Array | None,
    ) -> Bound:
        """Latents as what samples are bound to, from the prior if there are none."""
        if not isinstance(self.model, LatentModel):
            raise ValueError(
                f"latents are those of a network that has them, cdvae or symat; "
                f"{type(self.model).__name__} has none"
            )
        if asked := constraints.names:
            raise ValueError(
                "samples of this generator have the cell that is read from a latent, "
                f"and no constraints; received {', '.join(asked)}: leave it out, or "
                "take a generator without latents"
            )
        if latents is None:
            about = (self.model, self.params, self.process)
            latents = prior_latents(*about, keys, given)
        return Bound(latents=latents)
