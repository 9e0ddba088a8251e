"""Lattice algebra: cell parameters, reciprocal vectors, heights, Niggli reduction.

Cells are rows. All but the Niggli reduction are pure, differentiable functions: NumPy
arrays give NumPy results in their precision, JAX arrays and tracers give JAX ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from math import pi
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import spglib
from jax.core import Tracer

from matjax.arrays import Array, Float, Int


def volume(cell: Float[Array, "3 3"]) -> Float[Array, ""]:
    """Volume of a cell, Å³; positive for left-handed cells too."""
    return _namespace(cell).asarray(abs(_triple(cell)))


def inverse(cell: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """Inverse of a cell: Cartesian coordinates times it are fractional ones."""
    return _dual(cell).T


def spans_volume(cell: Float[Array, "3 3"]) -> bool:
    """Whether three concrete vectors are linearly independent beyond round-off."""
    lengths = np.linalg.norm(cell, axis=1)
    return bool(abs(np.linalg.det(cell)) > 1e-9 * lengths.prod())


def transform(
    rows: Float[Array, "rows 3"], matrix: Float[Array, "3 3"]
) -> Float[Array, "rows 3"]:
    """Rows times a matrix, in full precision.

    Fractional coordinates times the cell are Cartesian ones. A plain ``@`` would let
    TPUs and GPUs round coordinates to 8 to 11 bits.
    """
    if isinstance(rows, np.ndarray) and isinstance(matrix, np.ndarray):
        return rows @ matrix
    return jnp.matmul(rows, matrix, precision="highest")


def reciprocal(cell: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """Reciprocal vectors as rows b_i with a_i·b_j = 2π δ_ij, 1/Å.

    >>> reciprocal(2 * np.eye(3))[0] / pi
    array([1., 0., 0.])
    """
    return 2 * pi * _dual(cell)


def heights(cell: Float[Array, "3 3"]) -> Float[Array, "3"]:
    """Distances between opposite faces of a cell, Å: |V| / |a_j × a_k|."""
    xp = _namespace(cell)
    return 1 / xp.sqrt(xp.sum(_dual(cell) ** 2, axis=1))


def cell_parameters(cell: Float[Array, "3 3"]) -> Float[Array, "6"]:
    """Lengths a, b, c (Å) and angles alpha, beta, gamma (degrees) of a cell.

    Alpha lies between b and c, beta between c and a, gamma between a and b.
    """
    xp = _namespace(cell)
    b_c_a = cell[np.array([1, 2, 0])]
    c_a_b = cell[np.array([2, 0, 1])]
    # The arc tangent keeps its precision and its derivative where the arc cosine of
    # the scalar product loses them: near 0 and 180 degrees.
    sines = xp.sqrt(xp.sum(xp.cross(b_c_a, c_a_b) ** 2, axis=1))
    angles = xp.arctan2(sines, xp.sum(b_c_a * c_a_b, axis=1))
    lengths = xp.sqrt(xp.sum(cell**2, axis=1))
    return xp.concatenate([lengths, angles * (180 / pi)])


def cell_from_parameters(
    parameters: Float[Array, "6"] | Sequence[float | int],
) -> Float[Array, "3 3"]:
    """Cell with the given lengths and angles: a along x, b in the xy plane, c_z > 0.

    Inverse of :func:`cell_parameters` up to a rotation. The standard orientation is
    that of crystallography and of ASE.

    Args:
        parameters: a, b, c (Å), alpha, beta, gamma (degrees).

    Raises:
        ValueError: if the lengths are not positive or the angles span no volume. Under
            a JAX transformation, where values are unknown, the cell is NaN instead.
    """
    if not isinstance(parameters, jax.Array):
        parameters = np.asarray(parameters, dtype=np.float64)
    if not isinstance(parameters, Tracer):
        _require_parameters(np.asarray(parameters))
    xp = _namespace(parameters)
    a, b, c = parameters[0], parameters[1], parameters[2]
    # sin(90° − x) is exactly 0 at a right angle, where cos(x) rounds to 6e-17.
    complement = (90 - parameters[3:]) * (pi / 180)
    cos = xp.sin(complement)
    sin_gamma = xp.cos(complement[2])
    x = cos[1]
    y = (cos[0] - cos[1] * cos[2]) / sin_gamma
    z = xp.sqrt(1 - x**2 - y**2)
    zero = xp.zeros_like(a)
    rows = [a, zero, zero, b * cos[2], b * sin_gamma, zero, c * x, c * y, c * z]
    return xp.stack(rows).reshape(3, 3)


def niggli_reduce(
    cell: Float[Array, "3 3"],
) -> tuple[Float[Array, "3 3"], Int[Array, "3 3"]]:
    """Niggli-reduced cell of a lattice and the integer matrix that leads to it.

    The reduced cell is ``matrix @ cell``: the lattice is not rotated. It is
    right-handed; of a left-handed cell the matrix has determinant −1.

    Source: Grosse-Kunstleve et al., Acta Cryst. A 60, 1 (2004), as spglib has it.

    Raises:
        ValueError: if the reduction fails, which a cell without volume makes it do.
    """
    cell = np.asarray(cell, dtype=np.float64)
    right_handed = cell if np.linalg.det(cell) > 0 else -cell
    reduced = call_spglib(spglib.niggli_reduce, right_handed)
    if reduced is None or not spans_volume(cell):
        raise ValueError(
            "a cell must span a volume to be Niggli-reduced; received (rows, Å)\n"
            f"{cell}"
        )
    matrix = np.rint(reduced @ np.linalg.inv(cell)).astype(np.int64)
    return matrix @ cell, matrix


def call_spglib(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Result of a function of spglib, or None if it fails."""
    with warnings.catch_warnings():
        # Up to 2.7 a failure is a None, later it is an exception; between, every call
        # warns of the change unless a global switch of spglib is set.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return function(*args, **options)
        except _SPGLIB_ERROR:
            return None


_SPGLIB_ERROR: type[Exception] = getattr(spglib, "SpglibError", RuntimeError)


def _require_parameters(parameters: np.ndarray) -> None:
    if parameters.shape != (6,) or not np.isfinite(parameters).all():
        raise ValueError(
            "cell parameters are six finite numbers a, b, c, alpha, beta, gamma; "
            f"received {parameters}"
        )
    if (parameters[:3] <= 0).any():
        raise ValueError(f"cell lengths must be positive; received {parameters[:3]} Å")
    alpha, beta, gamma = parameters[3:]
    # Three vectors span a volume if each angle is smaller than the sum of the others
    # and all together are less than a full turn.
    largest = max(alpha, beta, gamma)
    total = alpha + beta + gamma
    if min(alpha, beta, gamma) <= 0 or 2 * largest >= total or total >= 360:
        raise ValueError(
            "each cell angle must be positive and smaller than the sum of the other "
            f"two, and their sum less than 360 degrees; received {parameters[3:]}: "
            "these span no volume"
        )


def _triple(cell: Array) -> Any:
    xp = _namespace(cell)
    return xp.sum(cell[0] * xp.cross(cell[1], cell[2]))


def _dual(cell: Array) -> Array:
    """Rows d_i with a_i·d_j = δ_ij."""
    xp = _namespace(cell)
    a, b, c = cell[0], cell[1], cell[2]
    return xp.stack([xp.cross(b, c), xp.cross(c, a), xp.cross(a, b)]) / _triple(cell)


def _namespace(array: Array) -> ModuleType:
    return np if isinstance(array, np.ndarray) else jnp
