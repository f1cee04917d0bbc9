"""From a command line to a checked, plain configuration, and the identity of a run.

It imports source and system, and no torch.
"""
