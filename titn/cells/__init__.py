"""One cell: planned, made or resumed, recorded once; and a finished run opened again.

It imports training and what training imports, records and source.
"""
