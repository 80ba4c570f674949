"""watcher adopts the clips that cameras leave behind, and serves them.

Nothing is imported here: the camera's side of watcher installs without Flask or SQLAlchemy.
"""
