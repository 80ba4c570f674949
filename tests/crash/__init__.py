"""The crash matrix: everything that can be killed is killed at random moments, and what was acknowledged is there."""
