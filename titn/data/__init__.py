"""From images on a disk to mixed training batches, each a function of seed, epoch and step.

It imports config (annotations, constraints), types and system.
"""
