"""Commands of whoever runs the service. Imports the verbs, stores, workers and what is below them."""
