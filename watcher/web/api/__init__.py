"""The addresses for programs, one noun in each file. Imports `http`, ingest, retention, renditions."""
