"""Many cells: Hydra's sweeper, a question's plan, tuning, launches and estimates.

It imports cells, profiling, training, records, config and system.
"""
