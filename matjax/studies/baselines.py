"""What simple predictors achieve on a property: the mean, boosting on composition."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from matjax.data import Dataset
from matjax.predictors import Label
from matjax.studies.properties import Judged, Parts, errors_of, label_values
from matjax.studies.run import Run

NEEDED = ("sklearn", "matminer")


def baseline_errors(
    parts: Parts,
    labels: Sequence[Label],
    run: Run,
    *,
    boosting: bool,
    classes: bool,
    seed: int,
) -> dict[str, float]:
    """Errors of the mean, and of gradient boosting on the composition, on the test set.

    They carry the names of the network's errors with ``_of_mean`` or ``_of_boosting``.

    Args:
        parts: of the data.
        labels: whose errors are wanted.
        run: whose log says what is left out.
        boosting: whether there shall be any, for numbers of crystals.
        classes: whether labels are 0 and 1.
        seed: of the boosting.
    """
    errors: dict[str, float] = {}
    boosting = boosting and not any(x.shape or x.of_atoms for x in labels)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if boosting and missing:
        run.log.warning(
            "gradient boosting on the composition is left out: it needs %s, pip "
            "install 'matjax[metrics]'",
            " and ".join(missing),
        )
    for label in labels:
        targets = label_values(parts.training, label)
        expected = label_values(parts.test, label)
        simple = {"mean": np.broadcast_to(targets.mean(axis=0), expected.shape)}
        if boosting and not missing:
            run.log.info("gradient boosting on the composition, to compare with")
            simple["boosting"] = boosted(
                *(parts.training, targets, parts.test), classes=classes, seed=seed
            )
        for name, predicted in simple.items():
            # Classes are told by scores that are positive for class 1.
            judged = Judged(predicted - 0.5 * classes, expected, np.zeros(1))
            found = errors_of({label.name: judged}, [label], classes=classes)
            errors |= {f"{key}_of_{name}": value for key, value in found.items()}
    return errors


def boosted(
    training: Dataset, targets: np.ndarray, test: Dataset, *, classes: bool, seed: int
) -> np.ndarray:
    """Predictions of gradient boosting on the composition alone.

    Features are Magpie's 132 (Ward et al., npj Comput. Mater. 2, 16028 (2016)), by
    matminer; the model is scikit-learn's histogram gradient boosting.

    Args:
        training: what is trained on.
        targets: of it, (crystals,).
        test: what is predicted.
        classes: whether targets are 0 and 1, and predictions their probability.
        seed: of the model.
    """
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    features, unseen = magpie_features(training), magpie_features(test)
    if classes:
        forest: Any = HistGradientBoostingClassifier(max_iter=200, random_state=seed)
        forest.fit(features, targets)
        return forest.predict_proba(unseen)[:, 1]
    forest = HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=500, random_state=seed
    )
    return forest.fit(features, targets).predict(unseen)


def magpie_features(dataset: Dataset) -> np.ndarray:
    """Magpie's features of the composition of each crystal, (crystals, 132)."""
    from matminer.featurizers.composition import ElementProperty
    from pymatgen.core import Composition

    featurizer = ElementProperty.from_preset("magpie", impute_nan=True)
    known: dict[str, Sequence[float]] = {}
    rows = []
    for example in dataset.examples:
        formula = example.crystal.to_ase().get_chemical_formula("hill")
        if formula not in known:
            known[formula] = featurizer.featurize(Composition(formula))
        rows.append(known[formula])
    return np.array(rows, np.float64)
