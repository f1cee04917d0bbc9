"""Cells of a sweep as tasks of Ray, on this machine or on a cluster.

`launch` hands them over and takes what has become of them, `job` is what runs on a node, `cluster`
starts a Ray or joins one.
"""
