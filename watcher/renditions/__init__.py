"""Posters, sprites, copies and films: what is due, and who has it made.

It imports `workers`, `tiering`, services and what is below them.
"""
