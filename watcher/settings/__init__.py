"""What can be set, and how it is read. Imports model and naming."""
