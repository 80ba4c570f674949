"""Commands of whoever runs the service. Imports ingest, retention, renditions and what is below them."""
