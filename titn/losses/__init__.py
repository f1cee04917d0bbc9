"""What a training step minimises, and what it returns: named terms.

It imports config (annotations) and types.
"""
