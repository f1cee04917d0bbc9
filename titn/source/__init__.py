"""Python source, read without being imported: definitions, and the digest of what a cell uses.

It imports system, and no torch.
"""
