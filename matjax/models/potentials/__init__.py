"""Potentials: one file per system, each a Flax module that gives node energies.

``matjax.models.MODELS`` lists them.
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.models.potentials.chgnet import CHGNet as CHGNet
    from matjax.models.potentials.m3gnet import M3GNet as M3GNet
    from matjax.models.potentials.mace import MACE as MACE
    from matjax.models.potentials.nequip import NequIP as NequIP
    from matjax.models.potentials.pair import LennardJones as LennardJones
    from matjax.models.potentials.pair import Morse as Morse
    from matjax.models.potentials.pair import Springs as Springs
    from matjax.models.potentials.schnet import SchNetPotential as SchNetPotential
    from matjax.models.potentials.stillinger_weber import (
        StillingerWeber as StillingerWeber,
    )
    from matjax.models.potentials.tensornet import TensorNet as TensorNet

import_when_used(__name__)
