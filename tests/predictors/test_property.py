"""Property networks: values by name in their units, refusals."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.graphs import build_graph
from matjax.models.properties import CGCNN
from matjax.predictors import Label, PropertyPredictor
from matjax.predictors.network import probe

MODEL = CGCNN(
    species=(8, 14),
    properties=("heat_all",),
    cutoff=4.0,
    n_nearest=6,
    features=4,
    layers=2,
    head=(3, 5),
    step=0.5,
)


def crystal(scale=1.0):
    cell = scale * np.array([[3.1, 0.2, 0.1], [-1.1, 3.0, 0.4], [0.3, 0.9, 3.3]])
    sites = [[0.02, -0.03, 0.01], [0.41, 0.36, 0.55], [0.6, 0.8, 0.1]]
    return Crystal.create([14, 8, 8], cell, fractional=sites)


def parameters(model, seed=0):
    """Parameters none of which is 0 or 1, as initial biases and scales are."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), probe(model))["params"]
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: 0.4 * rng.normal(size=x.shape), shapes)


def test_predictor_gives_values_by_name_in_their_units():
    model = MODEL.clone(properties=("gap", "modulus"), scale=(1.0, 0.1))
    params = parameters(model)
    predictor = PropertyPredictor.create(
        model, ("eV", "GPa"), logarithmic=(False, True), params=params
    )
    graph = build_graph(crystal(), model.cutoff, n_nearest=6)
    raw = model.apply({"params": params}, graph)
    outputs = [float(raw[name][0]) for name in model.properties]
    one = predictor(crystal())
    assert_allclose(one["gap"], outputs[0], rtol=1e-10)  # round-off
    assert_allclose(one["modulus"], 10 ** outputs[1], rtol=1e-10)
    both = predictor([crystal(1.05), crystal()])
    assert len(both) == 2
    assert_allclose(both[1]["modulus"], one["modulus"], rtol=1e-10)
    assert one.units == {"gap": "eV", "modulus": "GPa"}
    with pytest.raises(ValueError, match="single property"):
        _ = one.value


def test_every_property_needs_a_unit():
    with pytest.raises(
        ValueError, match=r"one unit for each .*heat_all.* received \(\)"
    ):
        PropertyPredictor.create(MODEL, ())


def test_unknown_elements_are_named():
    predictor = PropertyPredictor.create(MODEL, ("eV",), params=parameters(MODEL))
    foreign = crystal().replace(numbers=np.array([14, 8, 92]))
    with pytest.raises(ValueError, match="knows O, Si; the crystal holds U"):
        predictor(foreign)


def test_predictions_that_are_not_finite_are_refused():
    params = jax.tree.map(lambda x: x * np.nan, parameters(MODEL))
    predictor = PropertyPredictor.create(MODEL, ("eV",), params=params)
    with pytest.raises(ValueError, match=r"must be finite; .* of crystal 0"):
        predictor(crystal())


def test_the_only_property_has_a_value_and_a_unit():
    predictor = PropertyPredictor.create(MODEL, ("eV",), params=parameters(MODEL))
    found = predictor(crystal())
    assert found.value == found["heat_all"]
    assert found.unit == "eV"
    assert predictor([]) == []


def test_labels_of_other_names_are_refused():
    with pytest.raises(ValueError, match="labels must be those of"):
        PropertyPredictor.create(MODEL, [Label("gap", unit="eV")])


class Wrong(nn.Module):
    """A network that returns something else than a number of each crystal."""

    mistake: str
    species: tuple[int, ...] = (8, 14)
    properties: tuple[str, ...] = ("gap",)
    cutoff: float = 3.0

    @nn.compact
    def __call__(self, graph):
        """One value, too many, too few, or under another name."""
        scale = self.param("scale", nn.initializers.ones, ())
        values = graph.scatter(scale * graph.edge_vectors())[:, 0]
        return {
            "nodes": {"gap": values},
            "column": {"gap": graph.pool(values)[:, None]},
            "name": {"gaps": graph.pool(values)},
            "array": graph.pool(values),
        }[self.mistake]


@pytest.mark.parametrize(
    ("mistake", "received"),
    [
        ("nodes", r"\{'gap': \(3,\)\}"),
        ("column", r"\{'gap': \(2, 1\)\}"),
        ("name", "'gaps'"),
        ("array", "received ArrayImpl|received ShapeDtypeStruct"),
    ],
)
def test_outputs_of_another_kind_are_refused_before_anything_is_predicted(
    mistake, received
):
    with pytest.raises(ValueError, match=f"must have the shapes .*{received}"):
        PropertyPredictor.create(Wrong(mistake), ("eV",))
