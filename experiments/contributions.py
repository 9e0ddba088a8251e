"""What each atom of a crystal adds to a predicted property."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matjax.elements import symbols
from matjax.predictors import atom_contributions
from matjax.reports import contribution_figure, figure_title
from matjax.studies import CrystalConfig, Run
from matjax.weights import load_predictor


class Config(CrystalConfig):
    """Which crystal, and whose prediction."""

    predictor: str = "cgcnn-formation-energy-per-atom"
    """Name or file of a property network."""
    property: str | None = None
    """Of the predictor; by default its only one."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """A table, a figure, and how far contributions of one element are apart."""
    predictor = load_predictor(config.predictor)
    crystal = config.described(run.log)
    found = atom_contributions(predictor, crystal, config.property)
    name = config.property or predictor.properties[0]
    elements = symbols(tuple(int(z) for z in crystal.numbers))
    run.save_table("contributions", {"element": elements, name: found})
    title = f"{name}, {figure_title(crystal, config.predictor)}"
    run.save_figure("contributions", contribution_figure(crystal, found, title=title))
    by_element = {e: found[[x == e for x in elements]] for e in elements}
    value = float(np.asarray(predictor(crystal)[name]))
    return {
        "prediction": value,
        "sum_of_contributions": float(found.sum()),
        **{f"mean_{e}": float(values.mean()) for e, values in by_element.items()},
    }
