"""Optimizers, their parameter groups, and learning rate schedules.

It imports config (annotations, constraints).
"""
