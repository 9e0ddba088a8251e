"""Property networks: values by name in their units, refusals."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.predictors import Label, PropertyPredictor
from tests.models.properties.formulas import crystal, parameters
from tests.models.properties.small_cgcnn import MODEL


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


def ensemble():
    """Two networks of a number, a logarithm and the odds of a class."""
    model = MODEL.clone(properties=("gap", "modulus", "metal"))
    return [
        PropertyPredictor.create(
            model,
            ("eV", "GPa", ""),
            logarithmic=(False, True, False),
            probability=(False, False, True),
            params=parameters(model, seed=seed),
        )
        for seed in (1, 2)
    ]


def test_an_ensemble_is_the_mean_of_its_networks_and_says_how_far_they_disagree():
    members = ensemble()
    both = PropertyPredictor.ensemble(members, calibration=(2.0, 1.0, 1.0))
    found = both(crystal())
    graph = build_graph(crystal(), MODEL.cutoff, n_nearest=6)
    raw = [{k: float(v[0]) for k, v in m.apply(graph).items()} for m in members]
    mean = {k: (raw[0][k] + raw[1][k]) / 2 for k in raw[0]}
    # Of two values with n - 1 in the denominator.
    spread = {k: abs(raw[0][k] - raw[1][k]) / np.sqrt(2) for k in raw[0]}
    chance = 1 / (1 + np.exp(-mean["metal"]))
    expected = {
        "gap": (mean["gap"], 2 * spread["gap"]),
        "modulus": (
            10 ** mean["modulus"],
            np.log(10) * 10 ** mean["modulus"] * spread["modulus"],
        ),
        "metal": (chance, chance * (1 - chance) * spread["metal"]),
    }
    for name, (value, uncertainty) in expected.items():
        assert_allclose(found[name], value, rtol=1e-9)  # round-off
        assert_allclose(found.uncertainties[name], uncertainty, rtol=1e-9)
    assert members[0](crystal()).uncertainties == {}


def test_what_makes_no_ensemble_is_refused():
    members = ensemble()
    with pytest.raises(ValueError, match="received 1 of 1 kinds"):
        PropertyPredictor.ensemble(members[:1])
    other = PropertyPredictor.create(MODEL, ("eV",), params=parameters(MODEL))
    with pytest.raises(ValueError, match="received 2 of 2 kinds"):
        PropertyPredictor.ensemble([members[0], other])
    with pytest.raises(ValueError, match="positive calibration of each"):
        PropertyPredictor.create(MODEL, ("eV",), calibration=(-1.0,))
    with pytest.raises(ValueError, match="logarithm of a value or of odds"):
        PropertyPredictor.create(
            MODEL, ("eV",), logarithmic=(True,), probability=(True,)
        )
