"""From two configurations to a question: their difference in changes, and designs of rows.

It knows no sweep: what composes a configuration is handed in.
"""
