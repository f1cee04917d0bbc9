"""The tables of pages for papers: LaTeX with booktabs."""
