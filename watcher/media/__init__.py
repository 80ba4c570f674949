"""What the bytes of a film say, read in bounded Python. Imports model."""
