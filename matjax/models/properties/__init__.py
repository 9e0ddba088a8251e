"""Property networks: one file per system, each a Flax module.

``matjax.models.MODELS`` lists them.
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.models.properties.cgcnn import CGCNN as CGCNN
    from matjax.models.properties.m3gnet import M3GNetProperties as M3GNetProperties
    from matjax.models.properties.megnet import MEGNet as MEGNet

import_when_used(__name__)
