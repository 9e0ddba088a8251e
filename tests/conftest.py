"""Strictness for all tests: float64, one data folder, a persistent compilation cache.

Shapes are checked by jaxtyping and beartype, and warnings from matjax are errors (both
in pyproject.toml).
"""

import os
import tempfile
from itertools import chain
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
if (SHARED / "data").is_dir():
    os.environ.setdefault("MATJAX_DATA", str(SHARED / "data"))
    folders = [SHARED / "models" / "nequix", SHARED / "models"]
    os.environ.setdefault("MATJAX_MODELS", os.pathsep.join(map(str, folders)))

# In the environment, so that processes started by tests share the cache.
CACHE = Path(os.environ.get("MATJAX_TEST_CACHE", tempfile.gettempdir())) / "matjax-jit"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
os.environ.setdefault("MATJAX_EXPORTED", "")  # the tests trace what they test
# XLA on CPU writes errors about its own tuning flags (prefer-no-gather) whenever it
# loads from the cache what it compiled on the same machine.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax  # noqa: E402
import pytest  # noqa: E402

jax.config.update("jax_enable_x64", True)

QUICKLY_COMPILED = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=0"
"""In the heaviest files three quarters of the time are XLA's, to optimise what runs for
less than a second: this takes a third of it. Slow tests run what users run."""


def pytest_configure(config: pytest.Config) -> None:
    """Set before anything is computed, and for processes that tests start."""
    if config.option.markexpr == "not slow":
        os.environ.setdefault("XLA_FLAGS", QUICKLY_COMPILED)


def pytest_terminal_summary(terminalreporter) -> None:
    """Print what the tests of each folder took."""
    seconds: dict[str, float] = {}
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if not hasattr(report, "duration"):
            continue
        folder = Path(report.nodeid.partition("::")[0]).parent.as_posix()
        seconds[folder] = seconds.get(folder, 0.0) + report.duration
    terminalreporter.section("seconds by folder")
    for folder, total in sorted(seconds.items(), key=lambda item: -item[1]):
        terminalreporter.write_line(f"{total:7.1f}  {folder}")


MAPPINGS = 20_000
"""Memory mappings of the process at which compiled functions are forgotten. Each takes
some dozen; Linux allows 65,530, and XLA aborts beyond."""


def mappings() -> float:
    """Memory mappings of this process; infinitely many where they cannot be counted."""
    try:
        with open("/proc/self/maps", "rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return float("inf")


@pytest.fixture(autouse=True, scope="module")
def _few_compiled_functions():
    """Forget compiled functions after a file, if there are many.

    What another file needs again comes from the cache on disk.
    """
    yield
    if mappings() > MAPPINGS:
        jax.clear_caches()
