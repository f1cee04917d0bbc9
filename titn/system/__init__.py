"""Errors, text, files, signals, progress and the console: what any program needs.

It imports nothing of titn.
"""
