"""How good samples are, by the definitions of the CDVAE and DiffCSP papers.

checks         whether samples are crystals that could be
distributions  densities and other numbers beside those of data
matching       what is the same structure: match rates, uniqueness, novelty
fingerprints   structures and compositions as points
recall         how much of the data samples come near, and how many come near data
sharing        one function of many items, in one process or several

Sources: Xie et al., ICLR 2022 (arXiv 2110.06197, CDVAE), appendix B; Jiao et al.,
NeurIPS 2023 (arXiv 2309.04475, DiffCSP), section 5. Packages of the extra ``metrics``
are imported where they are used.
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.generate.evaluate.checks import is_valid as is_valid
    from matjax.generate.evaluate.checks import (
        is_valid_composition as is_valid_composition,
    )
    from matjax.generate.evaluate.checks import (
        is_valid_structure as is_valid_structure,
    )
    from matjax.generate.evaluate.checks import validity as validity
    from matjax.generate.evaluate.distributions import densities as densities
    from matjax.generate.evaluate.distributions import n_elements as n_elements
    from matjax.generate.evaluate.distributions import wasserstein as wasserstein
    from matjax.generate.evaluate.fingerprints import Fingerprints as Fingerprints
    from matjax.generate.evaluate.fingerprints import (
        fingerprints_of as fingerprints_of,
    )
    from matjax.generate.evaluate.matching import match_everyone as match_everyone
    from matjax.generate.evaluate.matching import match_rate as match_rate
    from matjax.generate.evaluate.matching import novelty as novelty
    from matjax.generate.evaluate.matching import uniqueness as uniqueness
    from matjax.generate.evaluate.recall import CUTOFFS as CUTOFFS
    from matjax.generate.evaluate.recall import Cutoffs as Cutoffs
    from matjax.generate.evaluate.recall import cutoffs_of as cutoffs_of
    from matjax.generate.evaluate.recall import (
        recall_and_precision as recall_and_precision,
    )
    from matjax.generate.evaluate.sharing import shared_out as shared_out

import_when_used(__name__)
