"""Potentials: one file per system, each a Flax module that gives node energies.

pair              Lennard-Jones, Morse, springs
stillinger_weber  Stillinger–Weber silicon
nequip            NequIP, general enough for the published Nequix weights
mace              MACE, many-body messages
"""

from matjax.models.potentials.mace import MACE as MACE
from matjax.models.potentials.nequip import NequIP as NequIP
from matjax.models.potentials.pair import LennardJones as LennardJones
from matjax.models.potentials.pair import Morse as Morse
from matjax.models.potentials.pair import Springs as Springs
from matjax.models.potentials.stillinger_weber import StillingerWeber as StillingerWeber
