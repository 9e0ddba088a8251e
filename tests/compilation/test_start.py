"""What a process sets, and its children have."""

import subprocess
import sys
import textwrap
from pathlib import Path

SCRIPT = """
    import subprocess, sys
    from pathlib import Path
    from matjax.compilation import child_environment, prepare

    prepare(float64=True, cache=Path(sys.argv[1]))
    subprocess.run([sys.executable, "-c", CHILD], env=child_environment(), check=True)
"""

CHILD = """
import jax
from matjax.compilation.store import exported_folder
compiled = jax.config.jax_compilation_cache_dir
print(jax.numpy.zeros(()).dtype, exported_folder(), compiled)
"""


def told(script: str, cache: Path, environment: dict[str, str]) -> list[str]:
    lines = f"CHILD = {CHILD!r}\n{textwrap.dedent(script)}"
    found = subprocess.run(
        [sys.executable, "-c", lines, str(cache)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return found.stdout.split()


def test_children_have_the_precision_and_the_folders(tmp_path):
    found = told(SCRIPT, tmp_path, {"PYTHONPATH": ":".join(sys.path)})
    assert found == ["float64", str(tmp_path / "exported"), str(tmp_path / "compiled")]


def test_what_the_environment_says_goes_before(tmp_path):
    environment = {
        "PYTHONPATH": ":".join(sys.path),
        "MATJAX_EXPORTED": "",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "mine"),
    }
    found = told(SCRIPT, tmp_path, environment)
    assert found == ["float64", "None", str(tmp_path / "mine")]
