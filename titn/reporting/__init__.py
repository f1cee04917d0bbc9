"""From records to pages: statistics, comparisons, figures, sections.

It imports records, paper, config and system, and no torch.
"""
