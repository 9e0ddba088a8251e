"""Property networks: one file per system, each a Flax module.

``matjax.models.MODELS`` lists them.
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.models.properties.cgcnn import CGCNN as CGCNN

import_when_used(__name__)
