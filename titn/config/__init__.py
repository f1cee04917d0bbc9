"""From a command line to a checked, plain configuration, and the identity of a run.

It imports system, and no torch.
"""
