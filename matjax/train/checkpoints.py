"""Checkpoints of a training run: state, place in the data, configuration, fingerprint.

Orbax writes a checkpoint beside the last one and then gives it its name, so that a
process killed at any moment leaves a whole one. Several processes write it together,
on a file system that all of them see.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from matjax.train.sharding import meet
from matjax.train.step import TrainState

log = logging.getLogger("matjax.train")


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
            resume: whether checkpoints that lie there count; else they are deleted,
                and nothing else that lies there.
        """
        if not resume:
            if jax.process_index() == 0 and folder.exists():
                for path in folder.iterdir():
                    if path.name.isdigit() and path.is_dir():
                        shutil.rmtree(path)
            meet("no checkpoints")
        self.folder = folder
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
        """The newest checkpoint that can be read, or none if there is none.

        A damaged one is said, and moved out of the folder: ``damaged-STEP`` beside it.
        Where none can be read, all stay.

        Args:
            like: a state with the shapes and shardings that the result shall have.

        Raises:
            ValueError: if its configuration or data are not those of this run, or none
                of several can be read.
        """
        steps = sorted(self.manager.all_steps(), reverse=True)
        damaged: dict[int, Exception] = {}
        for step in steps:
            try:
                meta, state = self._meta(step), None
                if not self._differs(meta):
                    state = self._state(step, like)
            except Exception as error:  # noqa: BLE001 (differs by the file that is damaged)
                damaged[step] = error
                continue
            require_same(meta["identity"], self.identity)
            assert state is not None
            for other, error in damaged.items():
                self._set_aside(other, error, step)
            return Resumed(state, meta["progress"])
        if not steps:
            return None
        raise ValueError(
            f"none of the checkpoints of steps {steps} in {self.folder} can be read "
            f"({_told(damaged[steps[0]])}): start anew with --overwrite, or in another "
            "folder"
        )

    def _meta(self, step: int) -> Mapping[str, Any]:
        args = ocp.args.Composite(meta=ocp.args.JsonRestore())
        meta = self.manager.restore(step, args=args)["meta"]
        if not {"identity", "progress"} <= meta.keys():
            raise ValueError("its record of the run is incomplete")
        return meta

    def _state(self, step: int, like: TrainState) -> TrainState:
        shapes = jax.tree.map(_abstract, like)
        args = ocp.args.Composite(state=ocp.args.StandardRestore(shapes))
        return self.manager.restore(step, args=args)["state"]

    def _differs(self, meta: Mapping[str, Any]) -> bool:
        return _flat(meta["identity"]) != _flat(self.identity)

    def _set_aside(self, step: int, error: Exception, taken: int) -> None:
        """Moves a damaged one away, for its step will be saved again."""
        target, number = self.folder.parent / f"damaged-{step}", 1
        while target.exists():
            number += 1
            target = target.with_name(f"damaged-{step}-{number}")
        log.warning(
            "the checkpoint of step %d is damaged (%s); it is in %s now, and that of "
            "step %d is taken",
            step,
            _told(error),
            target,
            taken,
        )
        meet("damaged")
        if jax.process_index() == 0:
            (self.folder / str(step)).rename(target)
        meet("set aside")
        self.manager.reload()

    def wait(self) -> None:
        """Returns when everything is written."""
        self.manager.wait_until_finished()

    def close(self) -> None:
        """Waits, and gives the folder back."""
        self.manager.close()


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


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
    flat = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{path}.{key}" if path else str(key))
    return flat


def _abstract(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=array.sharding)
