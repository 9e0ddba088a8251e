"""Checkpoints of a training run: state, place in the data, configuration, fingerprint.

Orbax writes a checkpoint beside the last one and then gives it its name, so that a
process killed at any moment leaves a whole one. Several processes write it together,
on a file system that all of them see.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from matjax.train.sharding import meet
from matjax.train.step import TrainState


class Resumed(NamedTuple):
    """What a checkpoint holds."""

    state: TrainState
    progress: dict[str, Any]
    """Place in the data and what the loop counts; plain JSON."""


class Checkpoints:
    """The checkpoints of one run, the newest few of them."""

    def __init__(
        self,
        folder: Path,
        identity: Mapping[str, Any],
        *,
        keep: int = 2,
        resume: bool = True,
    ) -> None:
        """Opens a folder, new or with checkpoints.

        Args:
            folder: of the checkpoints.
            identity: configuration and fingerprints of the data, plain JSON; a
                checkpoint of another identity is not resumed.
            keep: number of checkpoints that stay.
            resume: whether checkpoints that lie there count; else they are deleted.
        """
        if not resume:
            if jax.process_index() == 0 and folder.exists():
                shutil.rmtree(folder)
            meet("no checkpoints")
        self.identity = dict(identity)
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=True)
        self.manager = ocp.CheckpointManager(folder.absolute(), options=options)

    def save(self, state: TrainState, progress: Mapping[str, Any]) -> None:
        """Writes a checkpoint in the background, unless this step has one."""
        step = int(np.asarray(state.step))
        if step == self.manager.latest_step():
            return
        meta = {"identity": self.identity, "progress": dict(progress)}
        self.manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(meta)
            ),
            force=True,
        )

    def latest(self, like: TrainState) -> Resumed | None:
        """The newest checkpoint, or none.

        Args:
            like: a state with the shapes and shardings that the result shall have.

        Raises:
            ValueError: if its configuration or data are not those of this run.
        """
        step = self.manager.latest_step()
        if step is None:
            return None
        meta = self.manager.restore(
            step, args=ocp.args.Composite(meta=ocp.args.JsonRestore())
        )["meta"]
        require_same(meta["identity"], self.identity)
        shapes = jax.tree.map(_abstract, like)
        state = self.manager.restore(
            step, args=ocp.args.Composite(state=ocp.args.StandardRestore(shapes))
        )["state"]
        return Resumed(state, meta["progress"])

    def wait(self) -> None:
        """Returns when everything is written."""
        self.manager.wait_until_finished()

    def close(self) -> None:
        """Waits, and gives the folder back."""
        self.manager.close()


def require_same(saved: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises ValueError naming each setting that differs from a checkpoint's."""
    before, after = _flat(saved), _flat(now)
    changed = [
        f"{key}: {before.get(key, 'absent')} -> {after.get(key, 'absent')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key, "absent") != after.get(key, "absent")
    ]
    if changed:
        raise ValueError(
            "a run resumes with the configuration and data it began with; since the "
            f"checkpoint these have changed: {'; '.join(changed)}: restore them, or "
            "start in another folder"
        )


def _flat(tree: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(tree, Mapping):
        return {path: tuple(tree) if isinstance(tree, list) else tree}
    found = {}
    for key, value in tree.items():
        found |= _flat(value, f"{path}.{key}" if path else str(key))
    return found


def _abstract(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=array.sharding)
