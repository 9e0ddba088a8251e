"""The models: one file per system, each a Flax module of a graph, in one registry.

potentials  give node energies
properties  give properties of crystals and of their atoms, by name
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from matjax.config import nearest
from matjax.models.potentials.mace import MACE as MACE
from matjax.models.potentials.nequip import NequIP as NequIP
from matjax.models.potentials.pair import LennardJones as LennardJones
from matjax.models.potentials.pair import Morse as Morse
from matjax.models.potentials.pair import Springs as Springs
from matjax.models.potentials.stillinger_weber import StillingerWeber as StillingerWeber
from matjax.models.properties.cgcnn import CGCNN as CGCNN

Kind = Literal["potential", "property"]
"""What a model is wrapped into: :class:`matjax.predictors.Potential` or
:class:`matjax.predictors.PropertyPredictor`."""


class Registered(NamedTuple):
    """A line of the registry."""

    network: Callable[..., Any]
    """The Flax module's class; its attributes are the settings."""
    kind: Kind


MODELS: dict[str, Registered] = {
    "cgcnn": Registered(CGCNN, "property"),
    "lennard_jones": Registered(LennardJones, "potential"),
    "mace": Registered(MACE, "potential"),
    "morse": Registered(Morse, "potential"),
    "nequip": Registered(NequIP, "potential"),
    "springs": Registered(Springs, "potential"),
    "stillinger_weber": Registered(StillingerWeber, "potential"),
}
"""Every model of the package by the name that checkpoints and configs use."""


def registered(kind: Kind | None = None) -> dict[str, Callable[..., Any]]:
    """Classes of the models by name; of all kinds, or of one."""
    return {n: m.network for n, m in MODELS.items() if kind in (None, m.kind)}


def make_model(
    settings: Mapping[str, Any],
    kind: Kind = "potential",
    **defaults: Any,
) -> Any:
    """A model from settings as YAML and JSON hold them.

    Args:
        settings: ``name`` and attributes; lists become tuples.
        kind: which models the name may mean.
        defaults: attributes, where the model has them and the settings do not.

    Raises:
        ValueError: naming the nearest, if there is no such model or attribute.
    """
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    name = str(given.pop("name", None))
    known = registered(kind)
    if name not in known:
        hint = nearest(name, known)
        raise ValueError(f"there is no {kind} model of the name {name!r}; {hint}")
    network: Any = known[name]
    attributes = {f.name for f in dataclasses.fields(network)} - {"parent", "name"}
    for key in given:
        if key not in attributes:
            hint = nearest(key, attributes)
            raise ValueError(f"{name} has no attribute {key!r}; {hint}")
    usable = {k: v for k, v in defaults.items() if k in attributes}
    return network(**usable | given)
