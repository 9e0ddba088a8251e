"""The models: one file per system, each a Flax module of a graph.

Potentials give node energies; property networks give a number for each property.

pair                 Lennard-Jones, Morse, springs
stillinger_weber     Stillinger–Weber silicon
nequip               NequIP, general enough for the published Nequix weights
mace                 MACE, many-body messages
cgcnn                CGCNN, properties of crystals
"""

from collections.abc import Callable
from typing import Any

from matjax.models.cgcnn import CGCNN as CGCNN
from matjax.models.mace import MACE as MACE
from matjax.models.nequip import NequIP as NequIP
from matjax.models.pair import LennardJones as LennardJones
from matjax.models.pair import Morse as Morse
from matjax.models.pair import Springs as Springs
from matjax.models.stillinger_weber import StillingerWeber as StillingerWeber

MODELS: dict[str, Callable[..., Any]] = {
    "lennard_jones": LennardJones,
    "mace": MACE,
    "morse": Morse,
    "nequip": NequIP,
    "springs": Springs,
    "stillinger_weber": StillingerWeber,
}
"""Every potential of the package by the name that checkpoints and configs use."""

PROPERTY_MODELS: dict[str, Callable[..., Any]] = {"cgcnn": CGCNN}
"""Every property network, likewise."""
