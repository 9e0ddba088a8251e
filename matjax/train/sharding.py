"""Where batches and states lie: on all devices of all processes, or in parts.

One axis of devices, ``data``. A batch's parts are divided over it; parameters and
optimizer state are whole on every device, or divided as well (fully sharded data
parallelism, Zhao et al., arXiv 2304.11277), for which XLA gathers what a step needs.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

AXIS = "data"

SMALLEST = 2**12
"""Numbers; smaller arrays are not worth dividing."""


def device_mesh() -> Mesh:
    """All devices of all processes in a row."""
    return Mesh(np.array(jax.devices()), (AXIS,))


def place_batch(batch: Any, mesh: Mesh) -> Any:
    """A batch on the devices: its leading axis is divided over them.

    Args:
        batch: host arrays, the parts of this process along the leading axis.
        mesh: of all devices.

    Raises:
        ValueError: if the parts are not a multiple of this process's devices.
    """
    sharding = NamedSharding(mesh, PartitionSpec(AXIS))
    n_parts = len(jax.tree.leaves(batch)[0])
    n_devices = len(mesh.local_devices)
    if n_parts % n_devices:
        raise ValueError(
            f"a batch has a multiple of {n_devices} parts, as many as devices; "
            f"received {n_parts}: change n_shards of the loader"
        )
    return jax.tree.map(
        lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)),
        batch,
    )


def state_shardings(state: Any, mesh: Mesh, *, divided: bool = False) -> Any:
    """For each array of a state where it lies.

    Args:
        state: any pytree of arrays.
        mesh: of all devices.
        divided: whether large arrays are divided along their longest axis that the
            number of devices divides.
    """

    def place(array: Any) -> NamedSharding:
        shape = np.shape(array)
        spec: list[str | None] = [None] * len(shape)
        if divided and np.prod(shape) >= SMALLEST:
            fitting = [n if n % mesh.size == 0 else 0 for n in shape]
            if max(fitting):
                spec[int(np.argmax(fitting))] = AXIS
        return NamedSharding(mesh, PartitionSpec(*spec))

    return jax.tree.map(place, state)


def place_state(state: Any, shardings: Any) -> Any:
    """A state on the devices; every process gives the same one."""

    def place(array: Any, sharding: NamedSharding) -> jax.Array:
        host = np.asarray(array)
        return jax.make_array_from_callback(host.shape, sharding, lambda i: host[i])

    return jax.tree.map(place, state, shardings)


def whole(mesh: Mesh) -> NamedSharding:
    """What lies whole on every device."""
    return NamedSharding(mesh, PartitionSpec())


def gathered(state: Any, mesh: Mesh) -> Any:
    """A state as host arrays, whole in every process, wherever its parts lie."""
    return jax.device_get(jax.jit(lambda x: x, out_shardings=whole(mesh))(state))


def meet(place: str) -> None:
    """Returns when all processes have come to this place, which has a name."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(place)


def agreed(value: bool) -> bool:
    """What the first process says."""
    if jax.process_count() == 1:
        return value
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(value)))
