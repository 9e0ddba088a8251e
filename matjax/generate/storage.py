"""Generators as files: the network, and what says how it makes crystals."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
from jax.typing import DTypeLike
from pydantic import ValidationError

from matjax.errors import WeightsError
from matjax.generate.generator import Generator, Recipe
from matjax.weights import read_network, save_network
from matjax.weights.names import PRETRAINED, Shipped


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
    known = known_generators()
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


def known_generators() -> dict[str, Shipped]:
    """Generators that are part of this version, by name."""
    return {
        name: entry
        for name, entry in PRETRAINED.items()
        if isinstance(entry, Shipped) and entry.kind == "denoiser"
    }


def covering_generator(
    formula: str, n_formula: int = 1, *, dtype: DTypeLike | None = None
) -> tuple[str, Generator]:
    """The first known generator to which a formula can be given, and its name.

    Args:
        formula: of one formula unit.
        n_formula: formula units in a cell.
        dtype: precision; by default JAX's default float.

    Raises:
        ValueError: naming what is covered, if none covers the formula.
    """
    answers = []
    for name in known_generators():
        generator = load_generator(name, dtype=dtype).predictor
        if generator.recipe.process.elements != "given":
            continue
        try:
            generator.coverage.atoms_of(formula, n_formula)
        except ValueError as error:
            answers.append(f"{name}: {error}")
        else:
            return name, generator
    said = "; ".join(answers) or "no generator is part of this version"
    raise ValueError(
        f"a generator must cover {n_formula} {formula}; {said}. Train one with matjax "
        "run generate, and name its file: generator=FILE"
    )
