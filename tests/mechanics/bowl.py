"""A landscape of one number for each coordinate, ½ Σ k x², without any crystal."""

import jax.numpy as jnp

from matjax.arrays import Leaf
from matjax.mechanics.landscape import Landscape, Point


class Bowl(Landscape):
    """What an optimizer asks of a landscape."""

    stiffness: Leaf = None

    def evaluate(self, coordinates):
        energy = jnp.sum(self.stiffness * coordinates**2) / 2
        gradient = self.stiffness * coordinates
        return Point(
            coordinates=coordinates,
            gradient=gradient,
            enthalpy=energy,
            energy=energy,
            forces=-gradient,
            stress=jnp.zeros((3, 3)),
            max_force=jnp.abs(gradient).max(),
            max_stress=jnp.zeros(()),
            overflow=jnp.asarray(False),
        )

    def length(self, step):
        return jnp.linalg.norm(step, axis=1).max()


def bowl_of(stiffness):
    nothing = dict.fromkeys(
        ("potential", "graph", "neighbor_list", "symmetry", "free", "span", "pressure")
    )
    return Bowl(**nothing, stiffness=jnp.asarray(stiffness))
