"""Property networks: one file per system, each a Flax module.

``matjax.models.MODELS`` lists them.
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.models.properties.alignn import ALIGNN as ALIGNN
    from matjax.models.properties.cgcnn import CGCNN as CGCNN
    from matjax.models.properties.equivariant import Equivariant as Equivariant
    from matjax.models.properties.gatgnn import GATGNN as GATGNN
    from matjax.models.properties.m3gnet import M3GNetProperties as M3GNetProperties
    from matjax.models.properties.matformer import Matformer as Matformer
    from matjax.models.properties.megnet import MEGNet as MEGNet
    from matjax.models.properties.potnet import PotNet as PotNet
    from matjax.models.properties.schnet import EwaldSchNet as EwaldSchNet
    from matjax.models.properties.schnet import SchNet as SchNet

import_when_used(__name__)
