"""Exported functions: what jax.jit gives, without a trace where a file is found."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from matjax.compilation import descriptions, exported, store

TRACES: list[tuple[int, ...]] = []
"""Shapes for which the function below was traced."""


def _add(x, *, weights, kind="sum"):
    TRACES.append(jnp.shape(x))
    values, vectors = jnp.linalg.eigh(x @ x.T + 1)
    spectrum = jnp.abs(jnp.fft.fft(jnp.sort(x, axis=0)))
    product = jnp.linalg.solve(vectors + jnp.eye(len(x)), weights["a"])
    return {"kind": getattr(values, kind)(), "rest": (spectrum, product)}


add = exported(result=lambda x, **_: {"kind": x, "rest": (x, x)}, static=("kind",))(
    _add
)
X = np.random.default_rng(0).normal(size=(4, 4))
WEIGHTS = {"a": np.arange(4.0)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for exported functions, those of the tests among them."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path))
    known = descriptions.KNOWN | {__name__.partition(".")[0]}
    monkeypatch.setattr(descriptions, "KNOWN", known)
    forget()
    return tmp_path


def forget() -> None:
    """As after a new start."""
    add.clear_cache()
    jax.clear_caches()
    TRACES.clear()


def files(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_result_is_that_of_jit_bit_for_bit(folder):
    first = add(X, weights=WEIGHTS)
    assert (len(TRACES), len(files(folder))) == (1, 1)
    forget()
    second = add(X, weights=WEIGHTS)
    assert TRACES == []
    expected = jax.jit(_add)(X, weights=WEIGHTS)
    jax.tree.map(assert_array_equal, first, expected)
    jax.tree.map(assert_array_equal, second, expected)


def test_calls_of_one_shape_are_compiled_once(folder):
    for scale in (1.0, 2.0):
        add(scale * X, weights=WEIGHTS)
    assert add._cache_size() == len(TRACES) == 1


def test_nothing_is_written_without_a_folder(folder, monkeypatch):
    monkeypatch.setenv(store.VARIABLE, "")
    add(X, weights=WEIGHTS)
    assert files(folder) == set()
    assert add._cache_size() == 1


def test_within_transformations_it_is_jit(folder):
    total = lambda x: add(x, weights=WEIGHTS)["kind"]
    slope = jax.grad(total)(X)
    assert_array_equal(slope, jax.grad(lambda x: _add(x, weights=WEIGHTS)["kind"])(X))
    assert jax.vmap(total)(X[None]).shape == (1,)
    assert jax.jit(total)(X).shape == ()
    assert files(folder) == set()


@pytest.mark.parametrize("setting", ["jax_disable_jit", "jax_debug_nans"])
def test_with_settings_that_leave_compilation_it_is_jit(folder, setting):
    jax.config.update(setting, True)
    try:
        add(X, weights=WEIGHTS)
    finally:
        jax.config.update(setting, False)
    assert files(folder) == set()


def test_what_is_traced_otherwise_is_another_file(folder, monkeypatch):
    def write() -> None:
        before = files(folder)
        forget()
        add(*arguments, **options)
        assert len(files(folder) - before) == len(TRACES) == 1

    options: dict[str, Any] = {"weights": WEIGHTS}
    arguments = (X,)
    write()
    options["kind"] = "max"
    write()
    arguments = (X.astype(np.float32),)
    write()
    options["weights"] = {"a": np.arange(12.0).reshape(4, 3)}
    write()
    options["weights"] = {**WEIGHTS, "b": 1.0}
    write()
    options["weights"] = {**WEIGHTS, "b": jnp.ones(())}  # no weak type
    write()
    monkeypatch.setattr(descriptions, "versions", lambda: "another version of matjax")
    write()
    with jax.default_matmul_precision("highest"):
        write()


def test_the_digest_of_the_sources_is_part_of_the_versions(monkeypatch):
    before = descriptions.versions()
    monkeypatch.setattr(descriptions, "source_digest", lambda: "other sources")
    descriptions.versions.cache_clear()
    changed = descriptions.versions()
    descriptions.versions.cache_clear()
    assert changed != before
    assert changed.startswith("other sources")


def test_a_damaged_file_is_made_anew(folder):
    expected = add(X, weights=WEIGHTS)
    (path,) = folder.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    forget()
    jax.tree.map(assert_array_equal, add(X, weights=WEIGHTS), expected)
    assert len(TRACES) == 1
    assert path.read_bytes()[32:] != content[32:-10]
    forget()
    add(X, weights=WEIGHTS)
    assert TRACES == []


def test_a_function_that_other_processes_may_not_find_is_compiled_only(folder):
    doubled = exported(result=lambda x: x)(lambda x: 2 * x)
    assert_array_equal(doubled(X), 2 * X)
    assert files(folder) == set()


def test_what_has_no_form_in_a_file_is_compiled_only(folder):
    assert_array_equal(called_back(X), 2 * X)
    assert files(folder) == set()


@exported(result=lambda x: x)
def called_back(x):
    return jax.pure_callback(lambda x: 2 * np.asarray(x), x, x)


def test_an_array_on_a_device_of_its_own_is_computed_there(folder):
    here = jax.device_put(X, jax.local_devices()[0])
    add(here, weights=WEIGHTS)  # bound to the device for which functions are exported
    assert len(files(folder)) == 1


@exported(result=lambda x: (x, x))
def mistold(x):
    return x


def test_a_result_of_another_structure_is_refused(folder):
    with pytest.raises(AssertionError, match="was told"):
        mistold(X)


def test_errors_of_the_function_come_through(folder):
    with pytest.raises(ValueError, match="Incompatible shapes for matmul"):
        add(X[:, :3][None, :, :, None], weights=WEIGHTS)
