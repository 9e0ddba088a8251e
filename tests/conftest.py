"""Strictness for all tests: float64, one data folder, a persistent compilation cache."""

import os
import tempfile
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
if (SHARED / "data").is_dir():
    os.environ.setdefault("MATJAX_DATA", str(SHARED / "data"))
    os.environ.setdefault("MATJAX_MODELS", str(SHARED / "models" / "nequix"))

# XLA on CPU writes errors about its own tuning flags (prefer-no-gather) whenever it
# loads from the cache what it compiled on the same machine.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax  # noqa: E402

CACHE = Path(os.environ.get("MATJAX_TEST_CACHE", tempfile.gettempdir())) / "matjax-jit"
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
