"""Where the time of a training step and of inference goes.

It imports training, data and types.
"""
