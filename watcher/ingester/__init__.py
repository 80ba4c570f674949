"""The process `watcher ingest`. Imports ingest, retention, renditions and what is below them."""
