"""What a worker's libraries print goes to a file."""

import subprocess
import sys


def test_both_outputs_go_to_the_file(tmp_path):
    path = tmp_path / "worker.log"
    code = (
        "import os; from matjax.processes.output import Output; "
        f"Output({str(path)!r}).setup(None); "
        "os.write(1, b'out '); os.write(2, b'error')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert path.read_bytes() == b"out error"
