"""The records of runs, brought together by the plans of sweeps.

A cell counts if its identity and its source digest are the planned ones: records of other digests,
or of other configurations, never enter a mean.
"""
