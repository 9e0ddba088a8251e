"""Three steps of training on the devices of this process: ``parallel_worker JOB``."""

import json
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from matjax.data import Loader, Share
from matjax.train import (
    Term,
    TrainState,
    device_mesh,
    gathered,
    make_train_step,
    place_batch,
    place_state,
    state_shardings,
)

N_PARTS = 8


class Network(nn.Module):
    """Forces from positions through a matrix large enough to be divided."""

    @nn.compact
    def __call__(self, x):
        hidden = jnp.tanh(nn.Dense(4096, param_dtype=float)(x))
        return nn.Dense(3, param_dtype=float)(hidden)


def predict(params, batch):
    return {"forces": Network().apply({"params": params}, batch.graph.positions)}


def main(job):
    if job["processes"] > 1:
        jax.distributed.initialize(job["address"], job["processes"], job["process"])
    from tests.train.argon import graphs  # only now may devices be touched

    mesh = device_mesh()
    share = Share(
        N_PARTS // job["processes"],
        process_index=job["process"],
        process_count=job["processes"],
    )
    loader = Loader(graphs(), batch_size=8, dtype=np.float64, share=share, prefetch=0)
    params = Network().init(jax.random.key(0), jnp.zeros((1, 3)))["params"]
    optimizer = optax.adam(1e-3)
    state = TrainState.create(params, optimizer)
    shardings = state_shardings(state, mesh, divided=job["divided"])
    state = place_state(state, shardings)
    step = jax.jit(
        make_train_step(predict, [Term("forces", 1.0, "mse")], optimizer),
        out_shardings=(shardings, None),
    )
    losses, batches = [], loader.iterate()
    for _ in range(3):
        state, report = step(state, place_batch(next(batches), mesh))
        losses.append(float(report.loss))
    whole = gathered(state.params, mesh)
    divided = [s for s in jax.tree.leaves(shardings) if any(s.spec)]
    found = {
        "devices": jax.device_count(),
        "n_divided": len(divided),
        "losses": losses,
        "params": [float(np.sum(np.abs(x))) for x in jax.tree.leaves(whole)],
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
