"""What ``benchmark_training.py`` measures: steps of training by several codes.

:mod:`matjax.processes.peer` runs this file, for a peer by the peer's interpreter:
nothing of matjax is imported unless matjax is the code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

Work = tuple[Callable[[], Any], Callable[[Any], dict[str, Any]]]
"""What a code does when asked, and what it tells about the outcome."""


def matjax_potential(job: dict[str, Any]) -> Work:
    """Training steps on one batch, as :func:`matjax.train.fit` makes them."""
    import jax.numpy as jnp

    from matjax.data import LabeledGraphs, read_dataset
    from matjax.train import Term, potential_predictions
    from matjax.weights import load_potential

    potential = load_potential(job["potential"], dtype=jnp.float32)
    labels = ("energy", "forces")
    data = read_dataset(job["frames"], labels)
    graphs = LabeledGraphs(data, potential.cutoff, labels=labels)
    # A huber term is in units of δ here, in units of δ² there.
    terms = [Term(label, job["delta"], "huber", job["delta"]) for label in labels]
    predict = potential_predictions(potential.model, labels)
    work = _steps(predict, potential.params, terms, graphs, job)
    return work, lambda report: {"loss": float(report.loss)}


def nequix_potential(job: dict[str, Any]) -> Work:
    """Training steps on the same batch with the package's model, loss and data.

    Its ``train_step`` is a function within another and wants its own data format; this
    is what it does on one device.
    """
    import ase.io
    import equinox as eqx  # pyright: ignore
    import jax
    import jax.numpy as jnp
    import jraph  # pyright: ignore
    import numpy as np
    import optax
    from nequix.calculator import NequixCalculator  # pyright: ignore
    from nequix.data import dict_to_graphstuple, preprocess_graph  # pyright: ignore
    from nequix.model import weight_decay_mask  # pyright: ignore
    from nequix.train import loss  # pyright: ignore

    fused = find_spec("openequivariance") is not None
    calculator = NequixCalculator(model_path=job["weights"], use_kernel=fused)
    indices, cutoff = calculator.atom_indices, calculator.cutoff
    graphs = []
    for atoms in ase.io.read(job["frames"], ":"):
        graph = preprocess_graph(atoms, indices, cutoff, True)
        # Its loss wants a stress, which weighs nothing here.
        graph.setdefault("stress", np.zeros((3, 3), np.float32))
        graphs.append(dict_to_graphstuple(graph))
    batch = jraph.batch_np(graphs)
    nodes, edges = int(batch.n_node.sum()) + 1, int(batch.n_edge.sum())
    batch = jax.device_put(jraph.pad_with_graphs(batch, nodes, edges, len(graphs) + 1))
    model = calculator.model
    rate, decay = job["optimizer"]["learning_rate"], job["average_decay"]
    optimizer = optax.chain(
        optax.clip_by_global_norm(job["optimizer"]["clip"]),
        optax.adamw(
            rate,
            weight_decay=job["optimizer"]["weight_decay"],
            mask=weight_decay_mask(model),
        ),
    )

    @eqx.filter_jit(donate="all-except-first")
    def step(batch: Any, model: Any, average: Any, state: Any) -> tuple:
        (value, _), slope = eqx.filter_value_and_grad(loss, has_aux=True)(
            model, batch, 1.0, 1.0, 0.0, "huber"
        )
        updates, state = optimizer.update(slope, state, eqx.filter(model, eqx.is_array))
        model = eqx.apply_updates(model, updates)
        average = jax.tree.map(
            lambda a, p: decay * a + (1 - decay) * p if eqx.is_array(a) else a,
            average,
            model,
        )
        return value, model, average, state

    state = optimizer.init(eqx.filter(model, eqx.is_array))
    average = jax.tree.map(lambda x: jnp.copy(x) if eqx.is_array(x) else x, model)
    held: list[Any] = [model, average, state]

    def work() -> Any:
        value, *held[:] = step(batch, *held)
        return jax.block_until_ready(value)

    return work, lambda value: {"loss": float(value)}


def matjax_property(job: dict[str, Any]) -> Work:
    """Training steps of an untrained CGCNN on one batch."""
    import jax.numpy as jnp

    from matjax.data import LabeledGraphs, read_dataset
    from matjax.models.properties import CGCNN
    from matjax.predictors import PropertyPredictor
    from matjax.train import Term, property_predictions

    label = job["label"]
    data = read_dataset(job["frames"], (label,))
    model = CGCNN(species=data.species, properties=(label,))
    predictor = PropertyPredictor.create(model, ("",)).astype(jnp.float32)
    graphs = LabeledGraphs(
        data, model.cutoff, labels=(label,), n_nearest=model.n_nearest
    )
    terms = [Term(label, 1.0, "mse")]
    predict = property_predictions(model)
    work = _steps(predict, predictor.params, terms, graphs, job)
    return work, lambda report: {}


def cgcnn_property(job: dict[str, Any]) -> Work:
    """The same steps by the code of the paper's authors, as its ``main.py`` does."""
    sys.path.insert(0, job["peer_path"])
    import torch  # pyright: ignore
    from cgcnn.data import CIFData, collate_pool  # pyright: ignore
    from cgcnn.model import CrystalGraphConvNet  # pyright: ignore

    data = CIFData(job["frames"])
    inputs, target, _ = collate_pool([data[k] for k in range(len(data))])
    model = CrystalGraphConvNet(inputs[0].shape[-1], inputs[1].shape[-1])
    optimizer = torch.optim.Adam(
        model.parameters(), lr=job["optimizer"]["learning_rate"]
    )
    penalty = torch.nn.MSELoss()
    model.train()

    def work() -> float:
        loss = penalty(model(*inputs), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return work, lambda loss: {}


def _steps(
    predict: Any, params: Any, terms: Any, graphs: Any, job: dict[str, Any]
) -> Callable[[], Any]:
    """Steps of matjax on one batch of all these graphs, one at each call."""
    import jax
    import jax.numpy as jnp

    from matjax.data import Loader
    from matjax.train import (
        OptimizerConfig,
        TrainState,
        make_optimizer,
        make_train_step,
    )

    loader = Loader(graphs, batch_size=len(graphs), prefetch=0)
    batch = jax.device_put(next(iter(loader)))
    optimizer = make_optimizer(OptimizerConfig(**job["optimizer"]), job["n_steps"])
    step = jax.jit(
        make_train_step(predict, terms, optimizer, average_decay=job["average_decay"]),
        donate_argnums=0,
    )
    # Parameters are donated: none may stand at two places.
    state = jax.tree.map(jnp.copy, TrainState.create(params, optimizer))

    def work() -> Any:
        nonlocal state
        state, report = step(state, batch)
        return jax.block_until_ready(report)

    return work


CODES = {
    ("potential", "matjax"): matjax_potential,
    ("potential", "nequix"): nequix_potential,
    ("property", "matjax"): matjax_property,
    ("property", "cgcnn"): cgcnn_property,
}
