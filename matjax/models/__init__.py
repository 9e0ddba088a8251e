"""The models: one file per system, each a Flax module from graphs to node energies.

pair                 Lennard-Jones, Morse, springs
stillinger_weber     Stillinger–Weber silicon
nequip               NequIP, general enough for the published Nequix weights
"""

from collections.abc import Callable
from typing import Any

from matjax.models.nequip import NequIP as NequIP
from matjax.models.pair import LennardJones as LennardJones
from matjax.models.pair import Morse as Morse
from matjax.models.pair import Springs as Springs
from matjax.models.stillinger_weber import StillingerWeber as StillingerWeber

MODELS: dict[str, Callable[..., Any]] = {
    "lennard_jones": LennardJones,
    "morse": Morse,
    "nequip": NequIP,
    "springs": Springs,
    "stillinger_weber": StillingerWeber,
}
"""Every model of the package by the name that checkpoints and configs use."""
