"""An optimizer's state, read back from a file."""

import torch
from torch import Tensor, optim


def load_state(optimizer: optim.Optimizer, state: dict) -> None:
    """Load a state dict whose tensors have lost how they lay in memory.

    A file keeps a tensor's values in the order of its axes. Fused kernels pass over a parameter and
    its state as they lie in memory, and a convolution's weights may lie with their channels last.
    """
    optimizer.load_state_dict(state)
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
