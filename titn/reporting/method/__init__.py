"""The page about the method itself, across all questions."""
