"""What every route needs: requests, answers, keys, caches, problems.

Imports the verbs, services and what is below them.
"""
