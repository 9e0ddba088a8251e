"""A run that several processes share: the first decides where it lies."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

LONGEST_PATH = 4096
"""Bytes of the name of a folder, as Linux has it."""

REFUSED = "!"
"""How what is told begins where no process may go on."""

log = logging.getLogger("matjax")


def join_processes(options: argparse.Namespace) -> bool:
    """Joins the processes that share this run; whether this is the first of them.

    Raises:
        ValueError: if the others cannot be found, or the folder would differ.
    """
    named = [options.coordinator, options.num_processes, options.process_id]
    if not options.distributed:
        if any(value is not None for value in named):
            raise ValueError(
                "--coordinator, --num-processes and --process-id need --distributed"
            )
        return True
    if options.out is None:
        raise ValueError(
            "processes that share a run must write into one folder, on a file system "
            "that all of them see; name it by --out"
        )
    import jax

    try:
        if not jax.distributed.is_initialized():
            jax.distributed.initialize(*named)
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"--distributed finds its processes in a SLURM job or on a TPU pod; here: "
            f"{error}: name all of --coordinator HOST:PORT, --num-processes and "
            "--process-id"
        ) from error
    is_first = jax.process_index() == 0
    log.setLevel(logging.INFO if is_first else logging.WARNING)
    log.info("%d processes, %d devices in all", jax.process_count(), jax.device_count())
    return is_first


def refuse(error: Exception, options: argparse.Namespace) -> None:
    """Tells the other processes why the first cannot go on."""
    told(f"{REFUSED}{error}", options)


def common_folder(folder: Path, options: argparse.Namespace) -> Path:
    """Where the first process writes, told to all that share the run.

    Raises:
        ValueError: if the first process has told why it cannot.
    """
    text = told(str(folder), options)
    if text.startswith(REFUSED):
        raise ValueError(text.removeprefix(REFUSED))
    return Path(text)


def told(text: str, options: argparse.Namespace) -> str:
    """The text of the first process, in all that share the run."""
    if not options.distributed:
        return text
    import numpy as np
    from jax.experimental.multihost_utils import broadcast_one_to_all

    content = text.encode()[:LONGEST_PATH].ljust(LONGEST_PATH, b"\0")
    told = np.asarray(broadcast_one_to_all(np.frombuffer(content, np.uint8)))
    return told.astype(np.uint8).tobytes().rstrip(b"\0").decode(errors="replace")
