"""How much of the data samples come near (COV-R), and how many come near it (COV-P).

Source: Xie et al., ICLR 2022 (arXiv 2110.06197, CDVAE), appendix B, after Xu et al.,
ICLR 2021; cutoffs as in their code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matjax.generate.evaluate.fingerprints import Fingerprints


class Cutoffs(NamedTuple):
    """Distances of fingerprints within which crystals are near."""

    structure: float
    composition: float


CUTOFFS = {"perov_5": Cutoffs(0.2, 4.0), "carbon_24": Cutoffs(0.2, 4.0)}
"""By the beginning of a data set's name."""
OTHERS = Cutoffs(0.4, 10.0)
"""Of MP-20, and of other data."""


def cutoffs_of(name: str) -> Cutoffs:
    """The cutoffs that are published for a data set; of others those of MP-20."""
    fitting = [cutoffs for start, cutoffs in CUTOFFS.items() if name.startswith(start)]
    return fitting[0] if fitting else OTHERS


def recall_and_precision(
    samples: Fingerprints, truth: Fingerprints, cutoffs: Cutoffs
) -> dict[str, float]:
    """COV-R and COV-P.

    A crystal is covered if the nearest structure and the nearest composition of the
    other set, which need not be those of one crystal, are within their cutoffs. A
    sample without a fingerprint covers nothing, and counts in the precision.

    Args:
        samples: at least one.
        truth: at least one.
        cutoffs: within which crystals are near.

    Raises:
        ValueError: if there are no samples, or a crystal of the truth has no
            fingerprint.
    """
    from scipy.spatial.distance import cdist

    if not len(samples.known) or not len(truth.known):
        raise ValueError("coverage is that of at least one sample by one crystal")
    if not truth.known.all():
        raise ValueError(
            "every crystal of the truth needs a fingerprint; number "
            f"{int(np.argmin(truth.known))} has none: leave it out"
        )
    if not samples.known.any():
        return {"cov_recall_percent": 0.0, "cov_precision_percent": 0.0}
    near_truth, near_sample = True, True
    for found, true, cutoff in zip(samples, truth, cutoffs, strict=True):
        apart = cdist(found[samples.known], true)
        near_truth = near_truth & (apart.min(axis=0) <= cutoff)
        near_sample = near_sample & (apart.min(axis=1) <= cutoff)
    return {
        "cov_recall_percent": 100 * float(np.mean(near_truth)),
        "cov_precision_percent": 100 * float(np.sum(near_sample) / len(samples.known)),
    }
