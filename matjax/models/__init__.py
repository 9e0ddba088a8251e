"""The models: one file per system, each a Flax module of a graph, in one registry.

potentials  give node energies
properties  give properties of crystals and of their atoms, by name
denoisers   say what noise to take from a crystal
"""

import dataclasses
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal, NamedTuple

from matjax.config import nearest

Kind = Literal["potential", "property", "denoiser"]
"""What a model is wrapped into: :class:`matjax.predictors.Potential`,
:class:`matjax.predictors.PropertyPredictor` or :class:`matjax.generate.Generator`."""

FOLDERS: dict[Kind, str] = {
    "potential": "matjax.models.potentials",
    "property": "matjax.models.properties",
    "denoiser": "matjax.models.denoisers",
}
"""Where the models of each kind lie."""


class Registered(NamedTuple):
    """A line of the registry."""

    kind: Kind
    module: str
    """Module in the folder of this kind, or the full name of another one."""
    name: str
    """Name of the Flax module's class, whose attributes are the settings."""

    @property
    def path(self) -> str:
        """Full name of the module."""
        folder = "" if "." in self.module else f"{FOLDERS[self.kind]}."
        return f"{folder}{self.module}"

    @property
    def network(self) -> Callable[..., Any]:
        """The class; its module is imported when it is first wanted."""
        return getattr(import_module(self.path), self.name)


MODELS: dict[str, Registered] = {
    "alignn": Registered("property", "alignn", "ALIGNN"),
    "cdvae": Registered("denoiser", "cdvae", "CDVAE"),
    "cgcnn": Registered("property", "cgcnn", "CGCNN"),
    "chgnet": Registered("potential", "chgnet", "CHGNet"),
    "denoiser": Registered("denoiser", "denoiser", "Denoiser"),
    "diffcsp": Registered("denoiser", "diffcsp", "DiffCSP"),
    "equivariant": Registered("property", "equivariant", "Equivariant"),
    "ewald": Registered("property", "schnet", "EwaldSchNet"),
    "gatgnn": Registered("property", "gatgnn", "GATGNN"),
    "lennard_jones": Registered("potential", "pair", "LennardJones"),
    "m3gnet": Registered("potential", "m3gnet", "M3GNet"),
    "m3gnet_properties": Registered("property", "m3gnet", "M3GNetProperties"),
    "mace": Registered("potential", "mace", "MACE"),
    "matformer": Registered("property", "matformer", "Matformer"),
    "mattergen": Registered("denoiser", "mattergen", "MatterGen"),
    "megnet": Registered("property", "megnet", "MEGNet"),
    "morse": Registered("potential", "pair", "Morse"),
    "nequip": Registered("potential", "nequip", "NequIP"),
    "potnet": Registered("property", "potnet", "PotNet"),
    "schnet": Registered("property", "schnet", "SchNet"),
    "schnet_potential": Registered("potential", "schnet", "SchNetPotential"),
    "springs": Registered("potential", "pair", "Springs"),
    "stillinger_weber": Registered("potential", "stillinger_weber", "StillingerWeber"),
    "symat": Registered("denoiser", "symat", "SyMat"),
    "tensornet": Registered("potential", "tensornet", "TensorNet"),
}
"""Every model of the package by the name that checkpoints and configs use."""


def registered(kind: Kind | None = None) -> dict[str, Registered]:
    """Lines of the registry by name; of all kinds, or of one."""
    return {n: line for n, line in MODELS.items() if kind in (None, line.kind)}


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
    network: Any = known[name].network
    attributes = {f.name for f in dataclasses.fields(network)} - {"parent", "name"}
    for key in given:
        if key not in attributes:
            hint = nearest(key, attributes)
            raise ValueError(f"{name} has no attribute {key!r}; {hint}")
    usable = {k: v for k, v in defaults.items() if k in attributes}
    return network(**usable | given)
