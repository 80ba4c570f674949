"""Where clips lie: which go to a store and come back, and how their bytes are read wherever they are.

Imports stores, services and what is below it.
"""
