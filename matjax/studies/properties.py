"""Property networks as studies train them: parts of data, ensembles, how sure they are.

Calibration multiplies the standard deviation over the members so that it covers as many
of the errors on held-out crystals as a normal distribution would: split conformal
prediction with normalised errors (Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018)).
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from matjax.arrays import Array
from matjax.data import (
    Dataset,
    LabeledGraphs,
    by_group,
    fold,
    in_order,
    read_dataset,
    split,
)
from matjax.predictors import Label, PropertyPredictor
from matjax.studies.run import Run
from matjax.train import Comparison, compare

ONE_SIGMA = 0.6827
"""Share of a normal distribution within one standard deviation."""
_VALIDATION = ("val", "valid", "validation")


class Parts(NamedTuple):
    """Disjoint parts of data."""

    training: Dataset
    validation: Dataset
    test: Dataset

    @property
    def n_unseen(self) -> int:
        """Crystals that judge and hold an element that the training set lacks."""
        known = set(self.training.species)
        return sum(
            not known.issuperset(map(int, example.crystal.numbers))
            for example in self.test.examples
        )


@dataclasses.dataclass(frozen=True)
class Judged:
    """What an ensemble says of a test set, as its networks give it."""

    predicted: np.ndarray
    """Mean over the members, (values,)."""
    expected: np.ndarray
    deviation: np.ndarray
    """Standard deviation over the members, calibrated; zeros of one network."""

    def inside(self, sigmas: float) -> float:
        """Share of the errors within so many standard deviations."""
        errors = np.abs(self.predicted - self.expected)
        return float(np.mean(errors <= sigmas * self.deviation))


def parts_of_data(
    train: str,
    labels: Sequence[Label],
    *,
    test: str | None = None,
    column: str | None = None,
    fold_number: int | None = None,
    shares: tuple[float, float] = (0.1, 0.1),
    seed: int = 0,
) -> Parts:
    """What is trained on, what chooses the parameters, what judges.

    Args:
        train: data set, as :func:`matjax.data.read_dataset` takes it.
        labels: what each example must have.
        test: data set that judges.
        column: text of the data that names the parts: train, test, and perhaps val.
        fold_number: of MatBench's five folds, from 0, whose test set judges.
        shares: of the data that judges where none of these says it, and of what is
            left that chooses the parameters; elements that occur nowhere else are in
            neither.
        seed: of the choice.

    Raises:
        ValueError: if more than one says what judges, or a column names no such parts.
    """
    said = [x for x in (test, column, fold_number) if x is not None]
    if len(said) > 1:
        raise ValueError(
            "one of test, column and fold says what judges; received "
            f"test={test!r}, column={column!r}, fold={fold_number!r}: leave two out"
        )
    whole = read_dataset(train, labels, group=column or "group")
    if column is not None:
        named = by_group(whole)
        if not {"train", "test"} <= named.keys():
            raise ValueError(
                f"{train}: the column {column!r} must name the parts train and test; "
                f"it holds {sorted(named)}"
            )
        training, judging = named["train"], named["test"]
        for name in _VALIDATION:
            if name in named:
                return Parts(training, named[name], judging)
    elif fold_number is not None:
        training, judging = fold(whole, fold_number)
    elif test is not None:
        training, judging = whole, read_dataset(test, labels)
    else:
        parts = (1 - shares[0], shares[0])
        training, judging = split(whole, parts, seed=seed, known_elements=True)
    parts = (1 - shares[1], shares[1])
    kept, validation = split(training, parts, seed=seed, known_elements=True)
    return Parts(kept, validation, judging)


def in_logarithms(dataset: Dataset, label: str) -> Dataset:
    """The data set with the decimal logarithms of a label.

    Raises:
        ValueError: naming the row, if a value is not positive.
    """

    def changed(values: np.ndarray | float, source: str) -> np.ndarray | float:
        if np.min(values) <= 0:
            raise ValueError(
                f"{source}: the logarithm of {label} is wanted, and its value is "
                f"{np.min(values):g}: remove the row, or set logarithmic=false"
            )
        logs = np.log10(values)
        return logs if np.ndim(logs) else float(logs)

    return dataclasses.replace(
        dataset,
        fingerprint=f"{dataset.fingerprint} log10 {label}",
        examples=tuple(
            dataclasses.replace(
                e, labels={**e.labels, label: changed(e.labels[label], e.source)}
            )
            for e in dataset.examples
        ),
    )


def require_classes(dataset: Dataset, label: str) -> None:
    """Raises ValueError, naming the row, if a label is not a class, 0 or 1."""
    for example in dataset.examples:
        if example.labels[label] not in (0.0, 1.0):
            raise ValueError(
                f"{example.source}: {label} must be a class, 0 or 1; received "
                f"{example.labels[label]}: correct it, or set classes=false"
            )


def label_values(dataset: Dataset, label: Label) -> np.ndarray:
    """Values of all crystals, or of all their atoms, along the first axis."""
    values = [np.asarray(example.labels[label.name]) for example in dataset.examples]
    return np.concatenate(values) if label.of_atoms else np.array(values)


def scale_and_shift(
    label: Label, training: Dataset, *, classes: bool = False
) -> tuple[float, float]:
    """What a network's output is multiplied by, and what is added: spread and mean.

    Args:
        label: of the training data.
        training: what is trained on.
        classes: whether outputs are logarithms of odds; the shift is that of the share.

    Raises:
        ValueError: if all values are equal.
    """
    values = label_values(training, label)
    spread, mean = float(values.std()), float(values.mean())
    if not spread:
        raise ValueError(
            f"{training.name}: {label.name} must vary; all its values are {mean:g}"
        )
    if classes:
        return 1.0, math.log(mean / (1 - mean))
    # A tensor other than a multiple of the unit tensor must not be added to others.
    return spread, 0.0 if label.shape and label.per != "spectrum" else mean


def judged(
    predictor: PropertyPredictor,
    graphs: LabeledGraphs,
    batch_size: int,
    labels: Sequence[Label],
) -> dict[str, Judged]:
    """What a predictor's networks say of labeled graphs, by label.

    Args:
        predictor: of one network or several.
        graphs: whose labels are as its networks give them: logarithms where these are.
        batch_size: crystals evaluated together.
        labels: of the graphs.
    """

    def compared(of_members: Callable[[Array], Array]) -> dict[str, Comparison]:
        def predict(predictor: PropertyPredictor, batch: Any) -> dict[str, Array]:
            raw = predictor.apply(batch.graph)
            if predictor.n_members == 1:
                return raw
            return {name: of_members(values) for name, values in raw.items()}

        batches = (batch for _, batch in in_order(graphs, batch_size=batch_size))
        return compare(predict, predictor, batches, labels)

    means = compared(lambda x: x.mean(axis=0))
    if predictor.n_members == 1:
        none = {name: np.zeros_like(pair.expected) for name, pair in means.items()}
        return {n: Judged(*pair, none[n]) for n, pair in means.items()}
    spreads = compared(lambda x: x.std(axis=0, ddof=1))
    factors = dict(zip(predictor.properties, predictor.calibration, strict=True))
    return {
        n: Judged(*pair, factors[n] * spreads[n].predicted) for n, pair in means.items()
    }


def errors_of(
    found: Mapping[str, Judged], labels: Sequence[Label], *, classes: bool
) -> dict[str, float]:
    """Errors by names that carry the unit, and how often deviations cover them.

    Of classes: the share that is right, the area under the receiver's curve, and F1 of
    class 1.

    Args:
        found: by label.
        labels: of what was judged.
        classes: whether predictions are logarithms of odds.
    """
    numbers: dict[str, float] = {}
    for label in labels:
        one = found[label.name]
        if classes:
            scores = class_scores(one.predicted, one.expected)
            numbers |= {f"test_{label.name}_{k}": v for k, v in scores.items()}
            continue
        name, factor = label.metric("mae")
        error = np.abs(np.float64(one.predicted) - one.expected).mean()
        numbers[f"test_{name}"] = factor * float(error)
        if one.deviation.any():
            for sigmas in (1.0, 2.0):
                key = f"test_{label.name}_inside_{sigmas:.0f}_sigma_percent"
                numbers[key] = 100 * one.inside(sigmas)
    return numbers


def class_scores(odds: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Accuracy (%), area under the receiver's curve and F1 of predicted classes.

    Args:
        odds: logarithms, (crystals,), or any other score that is positive for class 1.
        classes: 0 and 1, (crystals,).
    """
    from scipy.stats import rankdata

    guessed, true = odds > 0, classes > 0.5
    hits, n_true = np.sum(guessed & true), np.sum(true)
    scores = {"accuracy_percent": 100 * float(np.mean(guessed == true))}
    scores["f1"] = float(2 * hits / max(guessed.sum() + n_true, 1))
    n_false = len(true) - n_true
    if n_true and n_false:  # Mann and Whitney's statistic
        above = rankdata(odds)[true].sum() - n_true * (n_true + 1) / 2
        scores["roc_auc"] = float(above / (n_true * n_false))
    return scores


def draw_judged(
    found: Mapping[str, Judged],
    labels: Sequence[Label],
    run: Run,
    *,
    title: str,
    classes: bool,
) -> None:
    """Writes predictions beside labels as figures and as a table.

    Args:
        found: by label.
        labels: of what was judged.
        run: where files go.
        title: of the figures.
        classes: whether predictions are logarithms of odds.
    """
    from matjax.reports import calibration_figure, parity_figure, reliability_figure

    units = {label.name: "" if label.shown else label.unit for label in labels}
    if classes:
        chances = {
            n: (1 / (1 + np.exp(-x.predicted)), x.expected) for n, x in found.items()
        }
        run.save_figure("reliability", reliability_figure(chances, title=title))
    else:
        pairs = {n: Comparison(x.predicted, x.expected) for n, x in found.items()}
        run.save_figure("parity", parity_figure(pairs, units=units, title=title))
    if any(x.deviation.any() for x in found.values()) and not classes:
        run.save_figure("calibration", calibration_figure(found, units, title=title))


def calibration(held_out: Judged) -> float:
    """By what deviations are multiplied to cover the held-out errors.

    So that a new error, drawn like these, lies within one deviation with the
    probability of a normal distribution or a little more.

    Args:
        held_out: predictions with deviations that are not calibrated.
    """
    errors = np.abs(np.float64(held_out.predicted) - held_out.expected)
    ratios = np.sort(errors / np.maximum(held_out.deviation, 1e-12))
    place = min(math.ceil((len(ratios) + 1) * ONE_SIGMA), len(ratios))
    return float(np.clip(ratios[place - 1], 1e-3, 1e3))


def crystals_per_second(
    predictor: PropertyPredictor, graphs: LabeledGraphs, batch_size: int
) -> float:
    """Throughput of predictions, graphs and compilation not counted."""
    run = jax.jit(jax.vmap(lambda p, batch: p.outputs(batch.graph), (None, 0)))
    batches = [batch for _, batch in in_order(graphs, batch_size=batch_size)]
    for batch in batches:  # compiles
        jax.block_until_ready(run(predictor, batch))
    begun = time.monotonic()
    for batch in batches:
        jax.block_until_ready(run(predictor, batch))
    return len(graphs) / (time.monotonic() - begun)
