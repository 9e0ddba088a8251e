"""The contract of property networks holds for tensors, and finds what breaks it."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from matjax.crystals import Crystal
from matjax.predictors import Label, PropertyPredictor
from matjax.testing import PROPERTY_CHECKS, check_property_model
from tests.train.local import LABELS, Local

CRYSTAL = Crystal.create(
    [14, 14, 8],
    np.array([[3.1, 0.2, 0.1], [-1.1, 3.0, 0.4], [0.3, 0.9, 3.3]]),
    fractional=[[0.02, -0.03, 0.01], [0.41, 0.36, 0.55], [0.6, 0.8, 0.1]],
)


class Wrong(nn.Module):
    """A network with one mistake, by name."""

    mistake: str
    species: tuple[int, ...] = (8, 14)
    properties: tuple[str, ...] = ("gap",)
    cutoff: float = 4.0

    @nn.compact
    def __call__(self, graph):
        """Sum of exp(−r²) over the edges, an atom's part by its number."""
        scale = self.param("scale", nn.initializers.ones, ())
        vectors = graph.edge_vectors()
        weights = scale * graph.numbers.astype(vectors.dtype)
        x = jnp.exp(-jnp.sum(vectors**2, axis=-1) / 9) * graph.gather(weights)
        if self.mistake == "rotation":
            x = x * vectors[:, 0]
        nodes = graph.scatter(x)
        if self.mistake == "padding_and_batch":
            nodes = nodes + jnp.sum(nodes)
        if self.mistake == "permutation":
            nodes = nodes * jnp.arange(graph.n_nodes)
        total = graph.pool(nodes)
        if self.mistake == "supercell":
            total = total * graph.n_atoms
        if self.mistake == "distances_matter":
            total = jnp.ones_like(total) * scale
        return {"gap": total}


@pytest.mark.slow
def test_a_network_of_tensors_and_spectra_obeys():
    predictor = PropertyPredictor.create(Local(species=(8, 14)), LABELS)
    # The network does not know elements apart.
    checks = [c for name, c in PROPERTY_CHECKS.items() if name != "distances_matter"]
    for check in checks:
        check(predictor.astype(jnp.float64), CRYSTAL)


@pytest.mark.parametrize(
    "mistake",
    ["rotation", "padding_and_batch", "permutation", "supercell", "distances_matter"],
)
def test_a_mistake_is_found(mistake):
    predictor = PropertyPredictor.create(Wrong(mistake), ("eV",)).astype(jnp.float64)
    with pytest.raises(AssertionError):
        PROPERTY_CHECKS[mistake](predictor, CRYSTAL)


def test_a_total_of_the_cell_doubles_with_it():
    label = Label("gap", "cell", unit="eV")
    predictor = PropertyPredictor.create(Wrong("supercell"), [label])
    check_property_model(predictor.astype(jnp.float64), CRYSTAL)


def test_single_precision_is_refused():
    predictor = PropertyPredictor.create(Wrong("none"), ("eV",)).astype(jnp.float32)
    with pytest.raises(ValueError, match="checked in float64; received float32"):
        check_property_model(predictor, CRYSTAL)
