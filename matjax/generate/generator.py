"""A trained generator: network, process and what it was trained on, in one file."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.typing import DTypeLike
from pydantic import BaseModel, ConfigDict, ValidationError

from matjax.arrays import Array
from matjax.crystals import Crystal
from matjax.errors import WeightsError
from matjax.generate.coverage import Coverage
from matjax.generate.denoising import DenoiserModel, denoiser
from matjax.generate.latent import (
    LatentModel,
    begun,
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
from matjax.generate.sampler import (
    Sampler,
    SamplerConfig,
    make_sampler,
    sample,
    sample_keys,
)
from matjax.graphs import bucket
from matjax.weights import read_network, save_network
from matjax.weights.names import PRETRAINED, Shipped

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

    @property
    def sampler(self) -> SamplerConfig:
        """The sampler that it takes by default."""
        return SamplerConfig(self.method, self.steps)


class Sampled(NamedTuple):
    """Samples in the order of their seeds."""

    crystals: list[Crystal | None]
    """None where a number was not finite."""
    evaluations: int
    """Times that the network was asked for each."""

    @property
    def finite(self) -> list[Crystal]:
        """Those that are crystals."""
        return [crystal for crystal in self.crystals if crystal is not None]

    @property
    def n_failed(self) -> int:
        """How many are not finite."""
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
    ) -> list[Crystal]:
        """Crystals of a formula, or of a number of atoms.

        Args:
            formula: of one formula unit, such as ``SrTiO3``, for a generator to which
                elements are given.
            n: number of samples.
            seed: the same seed gives the same samples, whatever their number.
            n_formula: formula units in a cell.
            n_atoms: of a cell, for a generator that chooses elements; by default as
                often as they occur in the data.
            sampler: by default that of the generator.

        Returns:
            The samples that are finite; a warning counts the others.

        Raises:
            ValueError: naming what is covered, if the formula or the number of atoms is
                not; or if the generator needs the one and received the other.
        """
        rows = self._compositions(formula, n, seed, n_formula, n_atoms)
        sampled = self.sample_each(rows, seed, sampler=sampler)
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
        latents: Array | None = None,
    ) -> Sampled:
        """One sample for each list of atomic numbers.

        Where elements are not given, their number alone counts.

        Args:
            compositions: atomic numbers of each sample, (atoms,).
            seed: of all samples.
            sampler: by default that of the generator.
            latents: of each sample, (samples, latent), of a network that has them; by
                default drawn from its prior.
        """
        config = sampler or self.recipe.sampler
        n_nodes = bucket(max((len(row) for row in compositions), default=1))
        given = self._given(compositions, n_nodes)
        keys = sample_keys(seed, len(compositions))
        if latents is None and isinstance(self.model, LatentModel):
            about = (self.model, self.params, self.process)
            latents = prior_latents(*about, keys, given)
        crystals: list[Crystal | None] = []
        for start in range(0, len(compositions), CHUNK):
            some = np.arange(start, min(start + CHUNK, len(compositions)))
            # Of few samples and of many the same function, and so the same numbers.
            padded = np.resize(some, bucket(len(some), 2))
            start_from = (keys, given, latents)
            rows = jax.tree.map(lambda x, padded=padded: x[padded], start_from)
            made = _sample_rows(
                self.params,
                *rows,
                static=(self.model, self.recipe, config),
            )
            crystals += _crystals(jax.device_get(made), len(some))
        return Sampled(crystals, config.evaluations)

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

    def _compositions(
        self,
        formula: str | None,
        n: int,
        seed: int,
        n_formula: int,
        n_atoms: int | None,
    ) -> list[np.ndarray]:
        """Atomic numbers of each sample; zeros where they are to be chosen."""
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


def save_generator(
    generator: Generator, path: str | Path, *, overwrite: bool = False
) -> Path:
    """Writes a generator to a ``.safetensors`` file.

    Raises:
        FileExistsError: if the file exists and ``overwrite`` is not set.
        ValueError: if the model is not registered as a denoiser, or a setting is so far
            out of bounds that the file would be refused.
    """
    return save_network(
        *(generator.model, generator.params, Path(path), "denoiser"),
        metadata={"generator": generator.recipe.model_dump_json()},
        overwrite=overwrite,
    )


def load_generator(name: str | Path, *, dtype: DTypeLike | None = None) -> Generator:
    """A generator by name or from a file that :func:`save_generator` wrote.

    Args:
        name: a name that ``matjax list`` shows, or the path of a file.
        dtype: precision; by default JAX's default float.

    Raises:
        ValueError: if no generator has this name.
        WeightsError: if a file is not of this format or is damaged.
    """
    known = {
        n: entry
        for n, entry in PRETRAINED.items()
        if isinstance(entry, Shipped) and entry.kind == "denoiser"
    }
    path = known[str(name)].path if str(name) in known else Path(name)
    if not path.is_file():
        listed = ", ".join(known) or "none is part of this version"
        raise ValueError(
            f"a generator's name or an existing file is needed; received "
            f"{str(name)!r}; known by name: {listed}"
        )
    model, params, metadata = read_network(path, "denoiser")
    try:
        recipe = Recipe.model_validate_json(metadata.get("generator", ""))
        generator = Generator(params=params, model=model, recipe=recipe)
        _ = (generator.process, recipe.sampler)
    except (ValidationError, ValueError) as error:
        raise WeightsError(
            f"{path}: its header does not describe a generator: {error}"
        ) from None
    return generator.astype(dtype or jnp.zeros(()).dtype)


@partial(jax.jit, static_argnames="static")
def _sample_rows(
    params: Any,
    keys: jax.Array,
    given: State,
    latents: jax.Array | None,
    *,
    static: tuple[DenoiserModel, Recipe, SamplerConfig],
) -> Any:
    """Decoded samples and whether they are finite, (samples, ...)."""
    model, recipe, config = static
    process = joint_process(recipe.process, model.species, recipe.scales)

    def one(key: jax.Array, given: State, z: jax.Array | None) -> Any:
        start, bound = begun(model, params, process, given, z)
        denoise = denoiser(model, params, bound, z)
        sampler: Sampler = make_sampler(config, denoise, bound)
        samples = sample(sampler, bound, key, start, steps=config.steps)
        decoded = process.decode(samples.states)
        return decoded, samples.finite, start.mask

    return jax.vmap(one)(keys, given, latents)


def _crystals(made: Any, n: int) -> list[Crystal | None]:
    """Crystals of the first rows; None where a number is not finite."""
    decoded, finite, mask = made
    crystals: list[Crystal | None] = []
    for k in range(n):
        if not (finite[k] and np.isfinite(decoded.cell[k]).all()):
            crystals.append(None)
            continue
        atoms = mask[k]
        crystals.append(
            Crystal.create(
                decoded.numbers[k][atoms],
                np.asarray(decoded.cell[k], np.float64),
                fractional=np.asarray(decoded.fractional[k][atoms], np.float64),
            )
        )
    return crystals
