"""Which clips go, and how. Imports ingest (what stays after all is read again), services and what is below."""
