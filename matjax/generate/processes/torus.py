"""The torus of fractional coordinates: wrapping, and the wrapped normal distribution.

    p(x; σ) ∝ Σ_k exp(−(x + k)²/2σ²),  k = …, −1, 0, 1, …

Source: De Bortoli et al., NeurIPS 2022 (arXiv 2202.02763); Jiao et al., NeurIPS 2023
(arXiv 2309.04475, DiffCSP), Eqs. 5–7.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Bool, Float
from matjax.generate.processes.protocol import draw, masked

IMAGES = 8
"""Images on either side; at σ = 1 those left out are below 1e-12 of the sum."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(48)


def uniform(key: Array, mask: Bool[Array, "rows"]) -> Float[Array, "rows 3"]:
    """Coordinates anywhere in the cell; 0 for padding."""
    return masked(mask, draw(key, len(mask), lambda k: jax.random.uniform(k, (3,))))


def wrap(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Coordinates or differences in [−1/2, 1/2): the nearest image."""
    return x - jnp.floor(x + 0.5)


def wrapped_log_density(
    x: Float[Array, "..."], sigma: Float[Array, ""]
) -> Float[Array, "..."]:
    """The logarithm of p(x; σ), normalised over a period."""
    images = wrap(x)[..., None] + jnp.arange(-IMAGES, IMAGES + 1)
    exponents = -0.5 * jnp.square(images / sigma)
    return jax.nn.logsumexp(exponents, axis=-1) - jnp.log(
        sigma * math.sqrt(2 * math.pi)
    )


def wrapped_score(
    x: Float[Array, "..."], sigma: Float[Array, ""]
) -> Float[Array, "..."]:
    """The slope ∂ log p/∂x = −Σ_k w_k (x + k)/σ², w_k the share of the image in p."""
    images = wrap(x)[..., None] + jnp.arange(-IMAGES, IMAGES + 1)
    shares = jax.nn.softmax(-0.5 * jnp.square(images / sigma), axis=-1)
    return -jnp.sum(shares * images, axis=-1) / jnp.square(sigma)


def mean_square_score(sigma: Float[Array, ""]) -> Float[Array, ""]:
    """Expectation of the squared score, by Gauss–Hermite quadrature.

    1/σ² where images do not matter, and falling to 0 as p becomes uniform. Wide noise
    is taken at quantiles of the wrapped density itself, which is smooth there.
    """
    narrow = jnp.square(wrapped_score(sigma * jnp.asarray(_NODES, sigma.dtype), sigma))
    by_hermite = narrow @ jnp.asarray(_WEIGHTS / _WEIGHTS.sum(), sigma.dtype)
    x = (jnp.arange(64, dtype=sigma.dtype) + 0.5) / 64  # exact for smooth periods
    density = jnp.exp(wrapped_log_density(x, sigma))
    by_points = jnp.mean(density * jnp.square(wrapped_score(x, sigma)))
    return jnp.where(sigma < 0.1, by_hermite, by_points)
