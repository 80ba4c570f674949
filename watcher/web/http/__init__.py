"""What every route needs: requests, answers, keys, caches, problems. Imports services and what is below it."""
