"""What a process sets before it computes, and hands to its children."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import jax

from matjax.compilation.store import VARIABLE, keep_exported
from matjax.files import cache_folder

WITHOUT_EMITTERS = "--xla_cpu_use_fusion_emitters=false"
"""Without XLA's newer emitters of fused loops, networks compile in two thirds to three
quarters of the time on CPUs: the response of nequix-mlearn-si in 18 s instead of 27;
what runs is as fast."""


def prepare(*, float64: bool, cache: Path | None = None) -> None:
    """Sets the precision, and keeps functions from one process to the next.

    Compiled functions are kept in ``compiled``, exported ones in ``exported``. What the
    environment says (``JAX_COMPILATION_CACHE_DIR``, ``MATJAX_EXPORTED``) goes before.
    A process calls this once, before it computes.

    Args:
        float64: the precision; float32 otherwise.
        cache: holds both folders; by default that of the user, or ``MATJAX_CACHE``.
    """
    cache = cache_folder() if cache is None else cache
    if jax.__version_info__ < (0, 11):  # a flag that XLA does not know ends a process
        os.environ.setdefault("XLA_FLAGS", WITHOUT_EMITTERS)
    jax.config.update("jax_enable_x64", float64)
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", str(cache / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    if VARIABLE not in os.environ:
        keep_exported(cache / "exported")
    # XLA's CPU compiler writes an error about its own tuning flags (prefer-no-gather)
    # each time it loads what it compiled on this very machine. The level is that of
    # XLA; Python's warnings stay.
    jax.config.update("jax_logging_level", "CRITICAL")
    logging.getLogger("jax").setLevel(logging.WARNING)


def child_environment() -> dict[str, str]:
    """This environment with the settings of this process, for one that it starts.

    A child that imports JAX then has this precision and these folders; it need not call
    :func:`prepare`.
    """
    config: Any = jax.config
    environment = dict(os.environ)
    environment["JAX_ENABLE_X64"] = str(int(config.jax_enable_x64))
    if config.jax_compilation_cache_dir is not None:
        environment["JAX_COMPILATION_CACHE_DIR"] = str(config.jax_compilation_cache_dir)
        environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = str(
            config.jax_persistent_cache_min_compile_time_secs
        )
        environment["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = str(
            config.jax_persistent_cache_min_entry_size_bytes
        )
    return environment
