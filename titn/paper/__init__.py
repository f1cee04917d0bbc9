"""What the paper prints, its protocol, costs by closed formulas, and the audit of its numbers.

It imports system, and no torch.
"""
