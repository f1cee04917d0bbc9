"""What Python programs and notebooks call: `titn.load`, `titn.train`, `titn.compose`.

It imports sweeps, cells and what is below them. A call leaves the state of the process as it was.
"""
