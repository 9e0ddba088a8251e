"""Structures that training takes in a second, beside other codes."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import ase.io
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from pydantic import Field, PositiveInt

from matjax.config import ExperimentConfig
from matjax.data import Example, LabeledGraphs, Loader, read_dataset
from matjax.data.sources import find_data
from matjax.models.properties import CGCNN
from matjax.processes import Code, in_turns
from matjax.studies import Run
from matjax.weights import load_potential
from matjax.weights.store import nequix_file

WORKER = Path(__file__).with_name("_training_worker.py")
POTENTIAL = ("energy", "forces")


class Config(ExperimentConfig):
    """What is trained, on what; each code works in a process of its own."""

    train: str
    """Data set from which a batch is taken, by name or file."""
    label: str | None = None
    """Property that an untrained CGCNN learns, beside the code of Xie and Grossman; by
    default a potential learns energies and forces, beside the nequix package."""
    potential: str = "nequix-mp-1"
    """Published potential that is trained on."""
    batch_size: PositiveInt = 4
    """Structures in a step."""
    n_repeats: PositiveInt = 7
    """Steps of each; medians are reported."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """Rate of AdamW for potentials, of Adam for properties."""
    peer: bool = True
    """Whether the other code is measured in the same run."""
    peer_python: str | None = None
    """Interpreter that can import it; by default the current one."""
    peer_path: str | None = None
    """Folder of the code of Xie and Grossman, which is no package."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Throughput of both codes on one batch, and of what puts batches together."""
    peer = "nequix" if config.label is None else "cgcnn"
    python = sys.executable
    _require_peer(config, peer)
    graphs = _graphs(config)
    metrics, chosen = _loading(graphs, config)
    job = {
        "task": "potential" if config.label is None else "property",
        "potential": config.potential,
        "label": config.label,
        "peer_path": config.peer_path,
        "n_steps": 1000,
        # The code of Xie and Grossman has no moving average.
        "average_decay": 0.999 if config.label is None else 0.0,
        "delta": 0.1,
        "optimizer": _optimizer(config),
    }
    if config.label is None:
        job["frames"] = str(_frames_file(chosen, run))
        job["weights"] = str(nequix_file(config.potential)) if config.peer else None
    else:
        job["frames"] = str(_cif_folder(chosen, config.label, run))
    remedy = "name its interpreter by peer_python=PATH, or set peer=false"
    codes = {peer: Code(job, config.peer_python or python, remedy)}
    codes = (codes if config.peer else {}) | {"matjax": Code(job, python)}
    run.log.info("steps of %d structures", config.batch_size)
    rows = in_turns(WORKER, codes, config.n_repeats, run.path("workers.log"))
    columns = ("code", "seconds", "first", "peak_MB", "before_MB")
    run.save_table("training", {key: [row[key] for row in rows] for key in columns})
    return metrics | _compared(rows, peer, config.batch_size)


def _require_peer(config: Config, peer: str) -> None:
    if peer == "cgcnn" and config.peer and config.peer_path is None:
        raise ValueError(
            "the code of Xie and Grossman is needed: give the folder of its repository "
            "by peer_path=PATH, or set peer=false"
        )


def _optimizer(config: Config) -> dict[str, Any]:
    """The same in both codes, at a constant rate."""
    common = {"learning_rate": config.learning_rate, "warmup": 0.0, "final": 1.0}
    if config.label is None:
        return {**common, "name": "adamw", "weight_decay": 1e-3, "clip": 100.0}
    return {**common, "name": "adam", "weight_decay": 0.0, "clip": None}


def _graphs(config: Config) -> LabeledGraphs:
    if config.label is not None:
        data = read_dataset(config.train, (config.label,))
        return LabeledGraphs(
            data, CGCNN.cutoff, labels=(config.label,), n_nearest=CGCNN.n_nearest
        )
    cutoff = load_potential(config.potential).cutoff
    return LabeledGraphs(
        read_dataset(config.train, POTENTIAL), cutoff, labels=POTENTIAL
    )


def _loading(
    graphs: LabeledGraphs, config: Config
) -> tuple[dict[str, float], list[Example]]:
    """Structures in a second that become batches, and those of the first batch."""
    start = perf_counter()
    loader = Loader(graphs, batch_size=config.batch_size, seed=config.seed, prefetch=0)
    middle = perf_counter()
    batches = iter(loader)
    for _ in range(loader.steps_per_epoch):
        next(batches)
    seconds = perf_counter() - middle
    names = set(loader.sources(0))
    metrics = {
        "neighbors_structures_per_s": len(graphs) / (middle - start),
        "loader_structures_per_s": loader.steps_per_epoch * config.batch_size / seconds,
    }
    return metrics, [e for e in graphs.dataset.examples if e.source in names]


def _frames_file(examples: Sequence[Example], run: Run) -> Path:
    """The structures with energies and forces, as both codes read them."""
    frames = []
    for example in examples:
        atoms = example.crystal.to_ase()
        energy, forces = (example.labels[label] for label in POTENTIAL)
        atoms.calc = SinglePointCalculator(
            atoms, energy=energy, forces=np.asarray(forces)
        )
        frames.append(atoms)
    path = run.path("batch.extxyz")
    ase.io.write(path, frames)
    return path


def _cif_folder(examples: Sequence[Example], label: str, run: Run) -> Path:
    """The structures as the code of Xie and Grossman wants them, which ours reads."""
    folder = run.path("batch")
    folder.mkdir(exist_ok=True)
    with (folder / "id_prop.csv").open("w", newline="") as file:
        table = csv.writer(file)
        for k, example in enumerate(examples):
            ase.io.write(folder / f"{k}.cif", example.crystal.to_ase())
            table.writerow([k, float(example.labels[label])])
    shutil.copy(find_data("cgcnn_pretrained/atom_init.json"), folder)
    return folder


def _compared(
    rows: Sequence[Mapping[str, Any]], peer: str, batch_size: int
) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for row in rows:
        code = row["code"]
        metrics[f"{code}_structures_per_s"] = batch_size / row["seconds"]
        metrics[f"{code}_step_s"] = row["seconds"]
        metrics[f"{code}_first_step_s"] = row["first"]
        metrics[f"{code}_peak_MB"] = row["peak_MB"]
    if len(rows) == 2:
        theirs, ours = rows
        metrics[f"throughput_over_{peer}"] = theirs["seconds"] / ours["seconds"]
        metrics[f"peak_over_{peer}"] = ours["peak_MB"] / theirs["peak_MB"]
        if "loss" in ours:
            metrics["loss_relative_difference"] = abs(ours["loss"] / theirs["loss"] - 1)
    return metrics
