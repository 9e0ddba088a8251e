"""The command ``matjax``: run an experiment, predict properties, list what there is."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from matjax.config import ExperimentConfig, build_config
from matjax.files import draft
from matjax.studies import Run, RunFolder, catalog, message, new_folder
from matjax.studies.shared_run import common_folder, join_processes, refuse

SOURCE = (
    "a file of structures (any format that ASE reads, CIF texts in a CSV, pymatgen's "
    "JSON, a database of ASE), a folder of such files without its subfolders, or "
    "'optimade:URL?filter=FILTER'"
)

log = logging.getLogger("matjax")

_HELP = {"-h", "--help"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code.

    0: done. 1: it failed, and a line says why. 2: wrong usage. 130: interrupted.

    No exception leaves this function but with ``--debug``; what is said of each is
    decided by :mod:`matjax.studies.messages`.
    """
    options = _parse(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)
    try:
        options.act(options)
    except KeyboardInterrupt:
        log.error("interrupted")
        return 130
    except BrokenPipeError:  # the reader of the output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, SystemExit) as error:
        if options.debug and isinstance(error, Exception):
            raise
        # A study that ends the process by SystemExit(0) has not succeeded.
        log.error("%s", message(error), exc_info=options.debug)
        return 1
    return 0


def run(options: argparse.Namespace) -> None:
    """Runs one experiment into one output folder."""
    start = time.monotonic()
    study = catalog.find_study(options.config)
    experiment = catalog.load_experiment(study.experiment)
    config = build_config(
        experiment.Config, study.values, options.settings, source=study.source
    )
    set_up_jax(config)
    is_first = join_processes(options)
    folder = options.out or new_folder(study.name)
    place = _take(folder, options) if is_first else None
    output = Run(
        common_folder(place.work if place else folder, options),
        overwrite=True,  # the folder has been looked at
        resume=options.resume and not options.overwrite,
        writes=is_first,
    )
    try:
        output.save_config(study.reference, config)
        returned = experiment.main(config, output)
        metrics = catalog.returned_metrics(returned, study.experiment)
        numbers = output.save_metrics(metrics)
        if place is not None:
            place.finish()
    except BaseException:
        kept = place.fail() if place else None
        if kept is not None:
            log.error("%s holds what was computed until here", kept)
        raise
    if place is not None:
        output.moved(folder)
        _report(output, numbers, time.monotonic() - start)


def _take(folder: Path, options: argparse.Namespace) -> RunFolder:
    """The folder, for the first process; why it cannot have it, the others are told."""
    try:
        return RunFolder(folder, overwrite=options.overwrite, resume=options.resume)
    except (ValueError, OSError) as error:
        refuse(error, options)
        raise


def explain(options: argparse.Namespace) -> None:
    """Writes what the keys of a study are; runs nothing."""
    from matjax.studies import manual

    study = catalog.find_study(options.config)
    schema = catalog.load_experiment(study.experiment).Config
    sys.stdout.write(manual(schema, catalog.summary(study.experiment), study.values))


def predict(options: argparse.Namespace) -> None:
    """Writes a table of the properties of the crystals of a file or a folder."""
    start = time.monotonic()
    table: Path = options.out
    if table.exists() and not options.overwrite:
        raise FileExistsError(f"{table} exists; choose another or use --overwrite")
    if table.is_dir() or not table.name:
        raise IsADirectoryError(
            f"the name of a table is needed, such as {table / 'table.csv'}; {table} is "
            "a folder"
        )
    set_up_jax(ExperimentConfig(precision="float32"))  # as the networks were trained
    from tqdm import tqdm

    from matjax.data import source_parts
    from matjax.studies import (
        available_predictors,
        named_predictors,
        predict_files,
        write_table,
    )

    parts = [p for p in source_parts(options.source) if not _same(Path(p), table)]
    if not parts:
        raise ValueError(
            f"{table} would replace the only structure file; choose another"
        )
    wanted = options.predictor
    predictors = named_predictors(wanted) if wanted else available_predictors()
    bar = partial(tqdm, leave=False, file=sys.stderr, disable=None)  # if a terminal
    rows = []
    try:
        rows.extend(predict_files(parts, predictors, progress=bar))
    except KeyboardInterrupt:
        if rows and not table.exists():
            write_table(table, rows, predictors)
            log.error("%s holds the first %d structures", table, len(rows))
        raise
    write_table(table, rows, predictors)
    failed = [row.file for row in rows if row.failure]
    _tell("structures", len(rows) - len(failed))
    _tell("wrote", table)
    _tell("took", f"{time.monotonic() - start:.1f} s")
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(rows)} rows lack predictions, the first of "
            f"{failed[0]}: see the column 'failure' of {table}"
        )


def screen(options: argparse.Namespace) -> None:
    """Computes columns of the crystals of a source, and writes them as a table.

    It works in the folder beside the table that has its name, and goes on with what it
    finds there.
    """
    table: Path = options.out
    if table.suffix not in (".csv", ".parquet"):
        raise ValueError(f"a table ends with .csv or .parquet; received --out {table}")
    if table.exists() and not options.overwrite:
        raise FileExistsError(f"{table} exists; choose another or use --overwrite")
    folder = table.with_suffix("")
    options.resume = not options.overwrite and (folder / "config.yaml").exists()
    if options.resume:
        log.info("going on with the screen in %s", folder)
    told = {"structures": options.path, "table": table.suffix.removeprefix(".")}
    if options.scheduler is not None:
        told["scheduler"] = options.scheduler
    given = [f"{key}={json.dumps(value)}" for key, value in told.items()]
    options.config, options.out = "screen", folder
    options.settings = [*given, *options.settings]
    run(options)
    with draft(table) as partial:
        shutil.copyfile(folder / f"table{table.suffix}", partial)
    _tell("wrote", table)


def show(options: argparse.Namespace) -> None:
    """Lists experiments, configurations, pretrained potentials and properties."""
    from matjax.weights import PRETRAINED, Placed, whereabouts

    _tell("experiment", "what it does")
    for name, path in catalog.experiments().items():
        _tell(name, catalog.summary(path))
    _tell("\nconfiguration", "file")
    for name, path in catalog.configs().items():
        _tell(name, path)
    for kind, title in (("potential", "potential"), ("property", "property network")):
        _tell(f"\n{title}", "where")
        for name, entry in PRETRAINED.items():
            if entry.kind == kind:
                _tell(name, whereabouts(entry))
                if isinstance(entry, Placed):
                    _tell("", entry.about)


def set_up_jax(config: ExperimentConfig) -> None:
    """Sets the precision, and keeps functions from one run to the next."""
    from matjax.compilation import prepare

    prepare(float64=config.precision == "float64")


def _report(output: Run, metrics: Mapping[str, float | int], seconds: float) -> None:
    for key, value in metrics.items():
        _tell(key, value if isinstance(value, int) else f"{value:.6g}")
    for path in [*output.files, output.folder / "metrics.json"]:
        _tell("wrote", path)
    _tell("took", f"{seconds:.1f} s")


def _same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve()


def _tell(name: str, value: object) -> None:
    """A line of a table of two columns; never folded, so that it can be searched."""
    sys.stdout.write(f"{name:<27} {value}\n")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; settings may stand before, between and after them."""
    parser = _parser()
    words = list(sys.argv[1:] if arguments is None else arguments)
    asks = words[:1] == ["run"] and not _HELP.isdisjoint(words)
    named = [word for word in words[1:] if not word.startswith("-")]
    if asks and named:  # about a study, not about the command
        options = parser.parse_args([word for word in words if word not in _HELP])
        options.act = explain
        return options
    options, rest = parser.parse_known_args(words)
    takes = options.act in (run, screen)
    unknown = [word for word in rest if word.startswith("-") or not takes]
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if rest:
        options.settings += rest
    return options


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--debug", action="store_true", help="show tracebacks of errors"
    )
    parser = argparse.ArgumentParser(
        prog="matjax", description="Crystalline materials in JAX."
    )
    version = metadata.version("matjax")
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    runner = commands.add_parser(
        "run",
        parents=[common],
        help="run an experiment",
        epilog="matjax run CONFIG --help lists the keys of that study.",
    )
    runner.set_defaults(act=run)
    runner.add_argument(
        "config",
        metavar="CONFIG",
        help="a YAML file, a name such as phonons/silicon, or an experiment's name",
    )
    runner.add_argument(
        "settings", metavar="key=value", nargs="*", help="settings, such as seed=1"
    )
    runner.add_argument(
        "--out", type=Path, metavar="DIR", help="default: runs/CONFIG/DATE_TIME"
    )
    runner.add_argument(
        "--overwrite", action="store_true", help="replace the files of a run in DIR"
    )
    runner.add_argument(
        "--resume", action="store_true", help="go on with an interrupted run in DIR"
    )
    several = runner.add_argument_group(
        "several processes",
        "Each host runs the same command; trainings divide their batches over all "
        "devices. SLURM and TPU pods tell the processes of each other.",
    )
    several.add_argument(
        "--distributed", action="store_true", help="share this run with other processes"
    )
    several.add_argument(
        "--coordinator", metavar="HOST:PORT", help="where the first process listens"
    )
    several.add_argument("--num-processes", type=int, metavar="N")
    several.add_argument("--process-id", type=int, metavar="K", help="from 0")

    _add_predictor(commands, common)
    _add_screener(commands, common)
    lister = commands.add_parser(
        "list", parents=[common], help="list experiments and configurations"
    )
    lister.set_defaults(act=show)
    return parser


def _add_predictor(commands: Any, common: argparse.ArgumentParser) -> None:
    predictor = commands.add_parser(
        "predict", parents=[common], help="properties of crystals in files"
    )
    predictor.set_defaults(act=predict)
    predictor.add_argument("source", metavar="SOURCE", help=SOURCE)
    predictor.add_argument(
        "--out", type=Path, metavar="TABLE.csv", required=True, help="the table"
    )
    predictor.add_argument(
        "--predictor",
        action="append",
        metavar="NAME",
        help="a network that matjax list shows, or a file of a training; may be given "
        "again (default: every published one whose weights are found)",
    )
    predictor.add_argument(
        "--overwrite", action="store_true", help="replace a table that exists"
    )


def _add_screener(commands: Any, common: argparse.ArgumentParser) -> None:
    screener = commands.add_parser(
        "screen",
        parents=[common],
        help="columns of many crystals: energies, moduli, frequencies",
        epilog="matjax run screen --help lists the keys and columns.",
    )
    screener.set_defaults(
        act=screen, distributed=False, coordinator=None, num_processes=None
    )
    screener.set_defaults(process_id=None)
    screener.add_argument(
        "path", metavar="SOURCE", help="a file, a folder, a data base, optimade:URL"
    )
    screener.add_argument(
        "settings", metavar="key=value", nargs="*", help="such as columns=[moduli]"
    )
    screener.add_argument(
        "--out", type=Path, metavar="TABLE.csv", required=True, help="or .parquet"
    )
    screener.add_argument(
        "--scheduler", metavar="ADDRESS", help="of Dask; default: this machine"
    )
    screener.add_argument(
        "--overwrite", action="store_true", help="replace a table that exists"
    )
