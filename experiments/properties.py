"""A network for properties of crystals, or several, beside what simple ones achieve."""

from __future__ import annotations

from collections.abc import Mapping

from matjax.studies import (
    PropertyConfig,
    Run,
    baseline_errors,
    crystals_per_second,
    draw_judged,
    errors_of,
    judged,
    property_data,
    property_labels,
    train_properties,
)


class Config(PropertyConfig):
    """Which property, of which crystals, by which network."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """The network as a file, figures, and errors beside those of the baselines."""
    labels = property_labels(config)
    parts = property_data(config, labels)
    unseen = parts.n_unseen
    if unseen:
        run.log.warning(
            "%d of %d crystals that judge hold elements unseen in training",
            *(unseen, len(parts.test)),
        )
    trained = train_properties(config, labels, parts, run)
    found = judged(trained.predictor, trained.test, config.batch_size, labels)
    draw_judged(found, labels, run, title=config.title, classes=config.classes)
    simple = baseline_errors(
        *(parts, labels, run),
        boosting=config.baselines,
        classes=config.classes,
        seed=config.seed,
    )
    speed = trained.metrics["structures_per_s"]
    return {
        **trained.metrics,
        **errors_of(found, labels, classes=config.classes),
        "n_train": len(parts.training),
        "n_test": len(parts.test),
        "n_test_with_unseen_elements": unseen,
        "seconds_per_epoch": len(parts.training) / speed,
        "inference_crystals_per_s": crystals_per_second(
            trained.predictor, trained.test, config.batch_size
        ),
        **simple,
    }
