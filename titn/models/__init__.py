"""Networks: transformers in a transformer, vision transformers, convolutional networks.

It imports config (annotations, constraints) and types; models are reached by `_target_` alone.
"""
