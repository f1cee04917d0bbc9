"""Objects built from a configuration, the training loop, and the metrics of a network.

It imports data, losses, optim, config, types and system.
"""
