"""What names tell: cameras, times, what is no clip, what an upload may be called. Imports model."""
