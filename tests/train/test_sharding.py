"""A global batch makes the same step on one device, on eight, in two processes."""

import json
import os
import socket
import subprocess
import sys

import pytest
from numpy.testing import assert_allclose

COMMAND = [sys.executable, "-m", "tests.train.parallel_worker"]


def start(*, devices, process=0, processes=1, port=0, divided=False):
    """A training of three steps, its global batches in eight parts."""
    environment = {
        **os.environ,
        "JAX_ENABLE_X64": "1",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    job = {
        "process": process,
        "processes": processes,
        "address": f"127.0.0.1:{port}",
        "divided": divided,
    }
    return subprocess.Popen(
        [*COMMAND, json.dumps(job)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def result(process):
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


@pytest.fixture(scope="module")
def alone():
    return result(start(devices=1))


def assert_same(found, expected):
    # round-off of sums in another order
    assert_allclose(found["params"], expected["params"], rtol=1e-11)
    assert_allclose(found["losses"], expected["losses"], rtol=1e-11)


@pytest.mark.slow
def test_eight_devices_take_the_steps_of_one(alone):
    found = result(start(devices=8))
    assert found["devices"] == 8
    assert_same(found, alone)


@pytest.mark.slow
def test_parameters_divided_over_devices_take_the_same_steps(alone):
    found = result(start(devices=8, divided=True))
    assert found["n_divided"] > 0
    assert_same(found, alone)


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(alone):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    both = [start(devices=2, process=k, processes=2, port=port) for k in range(2)]
    for found in map(result, both):
        assert found["devices"] == 4
        assert_same(found, alone)
