"""matgl's M3GNet with NumPy, by the original names of its arrays."""

from __future__ import annotations

import numpy as np
from scipy.special import eval_legendre, spherical_jn

from matjax.nn.spherical_bessel import spherical_bessel_roots


def silu(x):
    return x / (1 + np.exp(-x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def chain(state, name, x, end):
    """Linear layers with silu between them, and an end."""
    start = f"{name}."
    places = sorted(
        int(k.removeprefix(start).split(".")[0])
        for k in state
        if k.startswith(start) and k.endswith(".weight")
    )
    for i, place in enumerate(places):
        x = x @ state[f"{name}.{place}.weight"].T + state.get(f"{name}.{place}.bias", 0)
        x = silu(x) if i < len(places) - 1 else end(x)
    return x


def gated(state, name, x, end=silu):
    gate = chain(state, f"{name}.gates", x, sigmoid)
    return chain(state, f"{name}.layers", x, end) * gate


def plain_basis(r, degrees, size, cutoff):
    functions = []
    for degree in range(degrees):
        roots = spherical_bessel_roots(degree, size)
        norm = np.sqrt(2 / cutoff**3) / np.abs(spherical_jn(degree + 1, roots))
        functions.append(norm * spherical_jn(degree, np.outer(r, roots) / cutoff))
    return np.concatenate(functions, axis=1)


def smooth_basis(r, size, cutoff):
    e = [n**2 * (n + 2) ** 2 / (4 * (n + 1) ** 4 + 1) for n in range(size)]
    d, functions = [1.0], []
    for n in range(size):
        f = (-1) ** n * np.sqrt(2) * np.pi / cutoff**1.5 * (n + 1) * (n + 2)
        f = f / np.sqrt((n + 1) ** 2 + (n + 2) ** 2)
        f = f * (np.sinc((n + 1) * r / cutoff) + np.sinc((n + 2) * r / cutoff))
        if n:
            d.append(1 - e[n] / d[-1])
            f = (f + np.sqrt(e[n] / d[n - 1]) * functions[-1]) / np.sqrt(d[n])
        functions.append(f)
    return np.stack(functions, axis=1)


def end_of_triples(r, cutoff):
    x = r / cutoff
    return np.where(x <= 1, 1 - 10 * x**3 + 15 * x**4 - 6 * x**5, 0)


def triples_of(i, close):
    """Pairs of short edges of one center, as places in the list of short edges."""
    first, second = [], []
    for center in np.unique(i[close]):
        mine = np.flatnonzero(i[close] == center)
        a, b = np.meshgrid(mine, mine, indexing="ij")
        first.append(a[a != b])
        second.append(b[a != b])
    return np.concatenate(first), np.concatenate(second)


def m3gnet_energy(state, settings, kinds, edges, *, published_lookup=False):
    """Energy of a crystal, eV.

    Args:
        state: arrays by name, without the leading ``model.``.
        settings: arguments of the original network.
        kinds: row of each atom in the table of elements.
        edges: centers, neighbors, and vectors between them, by center.
        published_lookup: whether edges of triples are looked up in the list of all
            edges by their places among the short ones, as the published code does.
    """
    i, j, vectors = edges
    r = np.linalg.norm(vectors, axis=1)
    degrees, size, cutoff = (settings[k] for k in ("max_l", "max_n", "cutoff"))
    if settings["use_smooth"]:
        waves = smooth_basis(r, size * degrees, cutoff)
        radial = waves[:, :size]
    else:
        radial = waves = plain_basis(r, degrees, size, cutoff)
    # Distances equal to the cutoff are within it, up to round-off.
    close = np.flatnonzero(r <= settings["threebody_cutoff"] + 1e-6)
    a, b = triples_of(i, close)
    first, second = close[a], close[b]
    cosine = np.sum(vectors[first] * vectors[second], 1) / (r[first] * r[second])
    degree = np.repeat(np.arange(degrees), size)
    angular = np.sqrt((2 * degree + 1) / (4 * np.pi))
    basis = waves[second] * angular * eval_legendre(degree, cosine[:, None])
    if published_lookup:
        first, second = a, b
    end = end_of_triples(r, settings["threebody_cutoff"])

    v = state["embedding.layer_node_embedding.weight"][kinds]
    e = chain(state, "embedding.layer_edge_embedding.layers", radial, silu)
    for block in range(settings["nblocks"]):
        name = f"three_body_interactions.{block}"
        third = chain(state, f"{name}.update_network_atom.layers", v, sigmoid)
        terms = basis * third[j[second]] * (end[first] * end[second])[:, None]
        sums = np.zeros((len(r), basis.shape[1]))
        np.add.at(sums, first, terms)
        e = e + gated(state, f"{name}.update_network_bond", sums)
        conv = f"graph_layers.{block}.conv"
        x = np.concatenate([v[i], v[j], e], axis=1)
        weight = radial @ state[f"{conv}.edge_weight_func.weight"].T
        e = e + gated(state, f"{conv}.edge_update_func", x) * weight
        x = np.concatenate([v[i], v[j], e], axis=1)
        weight = radial @ state[f"{conv}.node_weight_func.weight"].T
        messages = gated(state, f"{conv}.node_update_func", x) * weight
        change = np.zeros_like(v)
        np.add.at(change, j, messages)
        v = v + change
    readout = gated(state, "final_layer.gated", v, end=lambda x: x)[:, 0].sum()
    own = state["element_refs.property_offset"][kinds].sum()
    return float(readout * state["data_std"] + own)
