"""The statistics that reports rest on, as pure functions of arrays.

Accuracies and differences are fractions. Nothing is drawn at random: the same input gives the same
bytes. Letters: n seeds, m images, e epochs, k classes.
"""
