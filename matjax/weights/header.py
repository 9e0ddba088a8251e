"""What the header of a weight file may say of a model: every setting in its bounds.

A header is read before anything is built from it. Bounds are far beyond any published
model, and low enough that no header makes a machine busy for minutes.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    create_model,
)

from matjax.errors import WeightsError
from matjax.models import Kind, registered

MAX_WIDTH = 4096
"""Components of the features of one atom."""

OF_FLAX = {"parent", "name"}
"""Attributes of a Flax module that are none of the model's."""


def _unique(values: tuple) -> tuple:
    if len(set(values)) < len(values):
        raise ValueError("entries must differ")
    return values


def _irreps(text: str) -> str:
    """Irreps such as ``64x0e + 32x1o``, scalars among them."""
    term = re.compile(r"(?:(\d{1,4})x)?(\d)([eo])", re.ASCII)
    terms = [term.fullmatch(word) for word in re.split(r" *\+ *", text)]
    if not all(terms) or len(terms) > 32:
        raise ValueError("irreps such as '64x0e + 32x1o' are needed")
    irreps = [(int(t[1] or 1), int(t[2]), t[3]) for t in terms if t]
    if not any(n and degree == 0 and parity == "e" for n, degree, parity in irreps):
        raise ValueError("irreps must hold scalars 0e")
    if any(n == 0 or degree > 6 for n, degree, _ in irreps):
        raise ValueError("irreps have a multiplicity of at least 1, a degree up to 6")
    if sum(n * (2 * degree + 1) for n, degree, _ in irreps) > MAX_WIDTH:
        raise ValueError(f"irreps must have at most {MAX_WIDTH} components")
    return text


Positive = Annotated[float, Field(gt=0, le=1e6)]
Length = Annotated[float, Field(gt=0, le=50)]
Width = Annotated[int, Field(ge=1, le=MAX_WIDTH)]
Widths = Annotated[tuple[Width, ...], Field(max_length=16)]
NonEmpty = Annotated[tuple[Width, ...], Field(min_length=1, max_length=16)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]

BOUNDS: dict[str, Any] = {
    "species": Annotated[
        tuple[Annotated[int, Field(ge=1, le=118)], ...],
        Field(min_length=1),
        AfterValidator(_unique),
    ],
    "properties": Annotated[
        tuple[Word, ...], Field(min_length=1, max_length=64), AfterValidator(_unique)
    ],
    "cutoff": Length,
    "onset": Annotated[float, Field(ge=0, le=50)],
    "xplor": Annotated[float | None, Field(ge=0, le=50)],
    "hidden": Annotated[str, AfterValidator(_irreps)],
    "degrees": Annotated[int, Field(ge=1, le=4)],
    "three_body_cutoff": Length,
    "units": Width,
    "turns": Annotated[int, Field(ge=1, le=32)],
    "readout_layers": Annotated[int, Field(ge=1, le=32)],
    "blocks": Annotated[int, Field(ge=1, le=32)],
    "embedded": Width,
    "query_width": Annotated[int | None, Field(ge=1, le=MAX_WIDTH)],
    "n_states": Annotated[int, Field(ge=1, le=256)],
    "state_features": Width,
    "dense_widths": NonEmpty,
    "exchange_widths": NonEmpty,
    "gaussian_width": Length,
    "lmax": Annotated[int, Field(ge=0, le=6)],
    "layers": Annotated[int, Field(ge=1, le=32)],
    "correlation": Annotated[int, Field(ge=1, le=4)],
    "basis": Annotated[int, Field(ge=1, le=256)],
    "radial_widths": Widths,
    "envelope": Annotated[float, Field(ge=1, le=100)],
    "gain": Positive,
    "neighbors": Positive,
    "readout_width": Annotated[int, Field(ge=0, le=MAX_WIDTH)],
    "n_nearest": Annotated[int | None, Field(ge=1, le=1000)],
    "features": Width,
    "head": Widths,
    "step": Annotated[float, Field(ge=0.01, le=50)],
    "sigma": Length,
    "distance": Length,
    "bond_cutoff": Length,
    "rounding": Annotated[float, Field(ge=1e-7, le=0.5)],
    "bonds": Annotated[int, Field(ge=2, le=1000)],
    "angular_basis": Annotated[int, Field(ge=1, le=256)],
    "frequencies": Annotated[int, Field(ge=1, le=256)],
    "times": Annotated[int, Field(ge=1, le=256)],
    "degree": Annotated[int, Field(ge=1, le=1000)],
    "channels": Width,
    "latent": Width,
    "width": Width,
    "sizes": Annotated[
        tuple[Annotated[int, Field(ge=1, le=1000)], ...],
        Field(min_length=1, max_length=1000),
        AfterValidator(_unique),
    ],
    "label": Annotated[str, StringConstraints(max_length=100)],
    "volume": Positive,
    "spread": Positive,
    "reach": Annotated[float, Field(gt=0, le=10)],
}
"""Bounds of the settings by their names; others are what the model's annotation says,
and finite. Å for lengths."""


def read_settings(
    name: str, kind: Callable[..., Any], text: str | bytes, place: Path | str
) -> dict[str, Any]:
    """The settings of a model, as JSON describes them.

    Args:
        name: of the model, for errors.
        kind: its class.
        text: JSON.
        place: the file, for errors.

    Raises:
        WeightsError: naming each setting that is missing, unknown or out of bounds.
    """
    return validated(_schema(name, kind), text, place)


def require_settings(
    model: Any,
    place: Path | str,
    kind: Kind | None = None,
) -> tuple[str, str]:
    """Name and settings of a registered model as JSON, which can be read again.

    Args:
        model: whose attributes are the settings.
        place: what gave them, for errors: a file, or a key.
        kind: of the models that may be; by default all.

    Raises:
        ValueError: if the model is not registered.
        WeightsError: if a setting is out of bounds; the place is named.
    """
    registry = registered(kind)
    names = {(line.path, line.name): name for name, line in registry.items()}
    own = (type(model).__module__, type(model).__name__)
    if own not in names:
        raise ValueError(
            f"only models registered in matjax.models ({', '.join(registry)}) can be "
            f"saved; {type(model).__name__} is not registered there"
        )
    name = names[own]
    config = {
        field.name: getattr(model, field.name)
        for field in dataclasses.fields(model)
        if field.name not in OF_FLAX
    }
    try:
        text = json.dumps(config)
    except (TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f"{place}: settings must be plain values: {error}") from None
    read_settings(name, registry[name].network, text, place)
    return name, text


def validated(
    schema: type[BaseModel], text: str | bytes, place: Path | str
) -> dict[str, Any]:
    """Values of a JSON text by the names of a schema's fields.

    Raises:
        WeightsError: naming what is wrong.
    """
    try:
        header = schema.model_validate_json(text, strict=True)
    except ValidationError as error:
        wrong = "; ".join(_complaint(detail) for detail in error.errors()[:10])
        raise WeightsError(
            f"{place}: it does not describe a model {schema.__name__!r}: {wrong}"
        ) from None
    values = {name: getattr(header, name) for name in schema.model_fields}
    _require_together(values, place)
    return values


def bounded(name: str, annotation: Any) -> Any:
    """The type that a setting of this name must have."""
    return BOUNDS.get(name, annotation)


@cache
def _schema(name: str, kind: Callable[..., Any]) -> type[BaseModel]:
    annotations = get_type_hints(kind)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in OF_FLAX:
            continue
        needed = field.default is dataclasses.MISSING
        default = ... if needed else field.default
        fields[field.name] = (bounded(field.name, annotations[field.name]), default)
    return create_model(
        name, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields
    )


def _require_together(values: Mapping[str, Any], place: Path | str) -> None:
    """Refuse settings that are right each for itself and not together."""
    _require_widths(values, place)
    onset = values.get("onset", 0) or values.get("xplor") or 0
    cutoff = values.get("cutoff", 1)
    if onset >= cutoff:
        raise WeightsError(
            f"{place}: the onset of the switch must lie below the cutoff; received "
            f"{onset} and {cutoff} Å"
        )
    if values.get("lmax", 1) * values.get("correlation", 1) > 12:
        raise WeightsError(
            f"{place}: lmax times correlation may be 12 at most; received "
            f"{values['lmax']} and {values['correlation']}"
        )


def _require_widths(values: Mapping[str, Any], place: Path | str) -> None:
    """Refuse a residual network whose exchanges change the width of features."""
    dense, exchange = values.get("dense_widths"), values.get("exchange_widths")
    if dense and exchange and dense[-1] != exchange[-1]:
        raise WeightsError(
            f"{place}: the last of dense_widths and of exchange_widths must be equal, "
            f"since their features are added; received {dense} and {exchange}"
        )


def _complaint(detail: Any) -> str:
    place = ".".join(str(part) for part in detail["loc"]) or "it"
    received = repr(detail.get("input"))[:100]
    message = detail["msg"].removeprefix("Value error, ")
    return f"{place}: {message[:1].lower()}{message[1:]}; received {received}"
