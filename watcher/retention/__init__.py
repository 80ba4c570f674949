"""Which clips go, and how. Imports services and what is below it."""
