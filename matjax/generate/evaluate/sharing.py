"""One function of many items, in this process or shared out over several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matjax.processes import Item, Records, all_values, survey
from matjax.processes.tasks import find_function
from matjax.progress import Progress

REFUSED = (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError)
"""What packages raise for structures with which they cannot do anything."""


def shared_out(
    function: str,
    items: Sequence[Item],
    *,
    settings: Item | None = None,
    records: Path | None = None,
    n_workers: int = 1,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """What a function returns for each item, in their order.

    Args:
        function: ``module:name`` of a function of an item and the settings that returns
            a mapping JSON can hold.
        items: anything that JSON holds.
        settings: passed with every item.
        records: JSON Lines file that keeps what is done, made or continued; none by
            default.
        n_workers: processes of this machine; with one it is this process.
        progress: shows the items as they end.

    Raises:
        ValueError: if an item has failed in another process; in this one it is what the
            function raises.
    """
    if records is None:
        with TemporaryDirectory() as folder:
            return shared_out(
                function,
                items,
                settings=settings,
                records=Path(folder, "records.jsonl"),
                n_workers=n_workers,
                progress=progress,
            )
    named = {str(k): item for k, item in enumerate(items)}
    if n_workers > 1:
        answers = survey(
            *(function, named, records),
            settings=settings,
            n_workers=n_workers,
            progress=progress,
        )
        return list(all_values(answers).values())
    file = Records(records, settings)
    _fill(file, function, named, settings or {}, progress)
    return [file[key]["values"] for key in named]


def _fill(
    file: Records,
    function: str,
    items: Mapping[str, Item],
    settings: Item,
    progress: Progress | None,
) -> None:
    """Appends what is missing, one item after another."""
    call = find_function(function)
    waiting = [key for key in items if key not in file]
    for key in progress(waiting, "items") if progress else waiting:
        file.append({"key": key, "values": dict(call(items[key], settings))})
