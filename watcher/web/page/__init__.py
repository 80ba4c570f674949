"""The pages for people. Imports `http` and `api`."""
