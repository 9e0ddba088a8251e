"""The symmetric contraction: against tensor powers, complete and equivariant."""

import e3nn_jax as e3nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.nn import SymmetricContraction, symmetric_contraction
from matjax.nn.symmetric_contraction import monomials, symmetric_tensor

IRREPS = e3nn.Irreps("3x0e + 3x1o + 3x2e")
OUTPUTS = "0e + 1o + 2e"
POWERS = {1: "nka,am->nkm", 2: "nka,nkb,abm->nkm", 3: "nka,nkb,nkc,abcm->nkm"}
INDEX = jnp.array([0, 1, 1, 0, 1])


@pytest.fixture(scope="module")
def features():
    return e3nn.normal(IRREPS, jax.random.key(0), (len(INDEX),))


@pytest.fixture(scope="module", params=[1, 2, 3])
def contraction(request, features):
    module = SymmetricContraction(outputs=OUTPUTS, order=request.param, n_species=2)
    params = jax.jit(module.init)(jax.random.key(1), features, INDEX)
    return module, params


def test_contraction_is_the_sum_of_weighted_tensor_powers(contraction, features):
    module, params = contraction
    x = np.asarray(features.mul_to_axis().array)
    expected = {"0e": 0, "1o": 0, "2e": 0}
    for order in range(1, module.order + 1):
        basis = e3nn.reduced_symmetric_tensor_product_basis(
            e3nn.s2_irreps(2), order, keep_ir=OUTPUTS
        )
        power = np.einsum(POWERS[order], *[x] * order, basis.array)
        products = e3nn.IrrepsArray(basis.irreps, power)
        for (_, ir), block in zip(products.irreps, products.chunks, strict=True):
            weights = np.asarray(params["params"][f"weights_{order}_{ir}"])[INDEX]
            expected[str(ir)] += np.einsum("nkpm,npk->nkm", block, weights)
    out = module.apply(params, features, INDEX)
    assert out.irreps == IRREPS
    for (_, ir), block in zip(out.irreps, out.chunks, strict=True):
        # float64 round-off of sums of some hundred products.
        assert_allclose(block, expected[str(ir)], rtol=1e-11, atol=1e-11)


def test_basis_spans_every_invariant_of_three_factors():
    x = e3nn.normal(e3nn.s2_irreps(2), jax.random.key(2), (60,))
    tensor = symmetric_tensor(x.irreps, 3, e3nn.Irrep("0e"))[..., 0]
    ours = np.einsum("nm,nc,mcp->np", monomials(x.array, 2)[1], x.array, tensor)
    theirs = jax.jit(
        lambda x: (
            e3nn.tensor_product(e3nn.tensor_product(x, x), x, filter_ir_out="0e").array
        )
    )(x)
    found, _, rank, _ = np.linalg.lstsq(ours, np.asarray(theirs))
    assert rank == tensor.shape[-1]  # none is a combination of the others
    # float64 round-off times the condition of 60 equations.
    assert_allclose(ours @ found, theirs, atol=1e-10)


def test_basis_is_symmetric_and_orthonormal():
    irreps = e3nn.s2_irreps(2)
    tensor = np.asarray(
        e3nn.reduced_symmetric_tensor_product_basis(irreps, 3, keep_ir=OUTPUTS).array
    )
    # Rounded by e3nn-jax to square roots of fractions.
    assert_allclose(tensor, tensor.transpose(1, 0, 2, 3), atol=1e-10)
    assert_allclose(tensor, tensor.transpose(0, 2, 1, 3), atol=1e-10)
    flat = tensor.reshape(-1, tensor.shape[-1])
    assert_allclose(flat.T @ flat, np.eye(flat.shape[1]), atol=1e-6)


def test_basis_is_the_one_that_saved_weights_belong_to():
    # Tensors of one kind may be mixed freely: another basis gives weights another
    # meaning. Pinned from e3nn-jax 0.21.0.
    x = np.linspace(-1, 1, 9)
    tensor = symmetric_tensor(e3nn.s2_irreps(2), 3, e3nn.Irrep("0e"))[..., 0]
    invariants = np.einsum("m,c,mcp->p", monomials(x, 2)[1], x, tensor)
    expected = [-1, -0.875, -1.45236875, -0.08822956, 0.09389432]
    assert_allclose(invariants, expected, atol=1e-8)  # digits given


def test_contraction_turns_with_its_features(contraction, features):
    module, params = contraction
    turn = -jnp.asarray(e3nn.rand_matrix(jax.random.key(3), ()))  # improper
    apply = jax.jit(module.apply)
    turned = apply(params, features.transform_by_matrix(turn), INDEX)
    expected = apply(params, features, INDEX).transform_by_matrix(turn)
    # float64 round-off.
    assert_allclose(turned.array, expected.array, atol=1e-12)


def test_third_derivative_is_exact_in_both_modes():
    irreps = e3nn.Irreps("2x0e + 2x1o")
    x, v = (e3nn.normal(irreps, jax.random.key(i), (2,)).array for i in (4, 5))
    module = SymmetricContraction(outputs="0e", order=3, n_species=1)
    index = jnp.zeros(2, int)
    init = jax.jit(module.init)
    params = init(jax.random.key(6), e3nn.IrrepsArray(irreps, x), index)

    def total(x):
        return module.apply(params, e3nn.IrrepsArray(irreps, x), index).array.sum()

    def slope(function):
        return lambda x: jax.jvp(function, (x,), (v,))[1]

    @jax.jit
    def forward_and_reverse(x):
        forward = slope(slope(slope(total)))(x)
        reverse = slope(lambda x: jnp.vdot(jax.grad(slope(total))(x), v))(x)
        return forward, reverse

    value = jax.jit(total)
    step = [value(x + t * v) for t in (-1.5, -0.5, 0.5, 1.5)]
    expected = step[3] - 3 * step[2] + 3 * step[1] - step[0]  # exact for a cubic
    # float64 round-off.
    assert_allclose(forward_and_reverse(x), [expected] * 2, rtol=1e-9)


def test_weights_may_come_before_the_powers_or_after(features, monkeypatch):
    module = SymmetricContraction(outputs=OUTPUTS, order=3, n_species=2)
    params = jax.jit(module.init)(jax.random.key(1), features, INDEX)
    first = jax.jit(lambda: module.apply(params, features, INDEX).array)()
    monkeypatch.setattr(symmetric_contraction, "MANY_SPECIES", 1)
    last = jax.jit(lambda: module.apply(params, features, INDEX).array)()
    # float64 round-off of sums of some hundred products.
    assert_allclose(last, first, atol=1e-11)


def test_irreps_that_no_power_gives_are_zero(features):
    module = SymmetricContraction(outputs="0e + 0o", order=2, n_species=2)
    out, params = module.init_with_output(jax.random.key(1), features, INDEX)
    assert out.irreps == "3x0e + 3x0o"
    assert_allclose(out.filter("0o").array, 0)
    assert {name[-2:] for name in params["params"]} == {"0e"}


def test_monomials_are_products_in_lexicographic_order():
    x = jnp.array([2.0, 3.0, 5.0])
    one, two, three = monomials(x, 3)
    assert_allclose(one, x)
    assert_allclose(two, [4, 6, 10, 9, 15, 25])
    assert_allclose(three, [8, 12, 20, 18, 30, 50, 27, 45, 75, 125])


def test_sum_over_orders_has_unit_variance_for_normal_features():
    features = e3nn.normal("64x0e + 64x1o + 64x2e", jax.random.key(6), (200,))
    module = SymmetricContraction(outputs="0e", order=3, n_species=1)
    index = jnp.zeros(200, int)
    init = jax.jit(module.init_with_output)
    variance = jnp.var(init(jax.random.key(7), features, index)[0].array)
    # Traces of the tensors add to it: between 1 and 3.
    assert 1 < variance < 3
