"""The one road by which a file becomes a clip. Imports services and what is below it."""
