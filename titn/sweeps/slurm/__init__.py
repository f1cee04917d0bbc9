"""Cells of a sweep as jobs of Slurm: submitted, left, collected.

`launch` queues what is not recorded, `job` is what runs on a node, `resources` says what a job asks
for, `script` is its batch script.
"""
