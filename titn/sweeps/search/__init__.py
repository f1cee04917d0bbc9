"""+search=NAME: a study of configurations, each of which is a cell.

A sampler chooses the next cell by what the validation split said of those before it.
"""
