"""The models: one file per system, each a Flax module of a graph.

Potentials give node energies; property networks give a number for each property.

pair                 Lennard-Jones, Morse, springs
stillinger_weber     Stillinger–Weber silicon
nequip               NequIP, general enough for the published Nequix weights
mace                 MACE, many-body messages
cgcnn                CGCNN, properties of crystals
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from matjax.config import nearest
from matjax.models.potentials.mace import MACE as MACE
from matjax.models.potentials.nequip import NequIP as NequIP
from matjax.models.potentials.pair import LennardJones as LennardJones
from matjax.models.potentials.pair import Morse as Morse
from matjax.models.potentials.pair import Springs as Springs
from matjax.models.potentials.stillinger_weber import StillingerWeber as StillingerWeber
from matjax.models.properties.cgcnn import CGCNN as CGCNN

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


def make_model(
    settings: Mapping[str, Any],
    registry: Mapping[str, Callable[..., Any]] = MODELS,
    **defaults: Any,
) -> Any:
    """A model from settings as YAML and JSON hold them.

    Args:
        settings: ``name`` and attributes; lists become tuples.
        registry: where the name stands.
        defaults: attributes, where the model has them and the settings do not.

    Raises:
        ValueError: naming the nearest, if there is no such model or attribute.
    """
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    name = str(given.pop("name", None))
    if name not in registry:
        hint = nearest(name, registry)
        raise ValueError(f"there is no model of the name {name!r}; {hint}")
    kind: Any = registry[name]
    known = {f.name for f in dataclasses.fields(kind)} - {"parent", "name"}
    for key in given:
        if key not in known:
            raise ValueError(f"{name} has no attribute {key!r}; {nearest(key, known)}")
    return kind(**{k: v for k, v in defaults.items() if k in known} | given)
