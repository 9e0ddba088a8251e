"""Chemical elements: symbols and standard atomic masses (IUPAC 2016, through ASE)."""

import ase.data
import jax.numpy as jnp
import numpy as np
from ase.data import atomic_numbers as _numbers_of_symbols

from matjax.arrays import Array, Float, Int

MASSES: np.ndarray = np.asarray(ase.data.atomic_masses_iupac2016)
"""Standard atomic mass in amu, indexed by atomic number."""

N_ELEMENTS = len(MASSES)
"""Length of tables indexed by atomic number; entry 0 is padding."""


def masses(numbers: Int[Array, "atoms"]) -> Float[Array, "atoms"]:
    """Standard atomic masses in amu."""
    return MASSES[np.asarray(numbers)]


def symbols(numbers: Int[Array, "atoms"] | tuple[int, ...]) -> list[str]:
    """Chemical symbols, one for each atomic number."""
    return [ase.data.chemical_symbols[int(z)] for z in np.asarray(numbers).ravel()]


def atomic_number(symbol: str) -> int:
    """Atomic number of a chemical symbol.

    Raises:
        ValueError: if no element has this symbol.
    """
    if _numbers_of_symbols.get(symbol, 0) == 0:  # 0 is X, which ASE has for anything
        raise ValueError(
            f"a chemical symbol such as 'Si' is needed; received {symbol!r}"
        )
    return _numbers_of_symbols[symbol]


def species_index(
    numbers: Int[Array, "nodes"], species: tuple[int, ...]
) -> Int[Array, "nodes"]:
    """Position of each atomic number in a model's list of species.

    Numbers outside the list, padding among them, map to 0: callers have checked the
    crystal's elements on the host, and masks remove padding.
    """
    table = np.zeros(N_ELEMENTS, dtype=np.int32)
    table[list(species)] = np.arange(len(species))
    return jnp.asarray(table)[numbers]
