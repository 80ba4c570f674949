"""The process `watcher ingest`. Imports the verbs and what is below them."""
