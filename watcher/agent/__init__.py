"""The camera's side: sends clips to a watcher elsewhere.

It needs Python and requests, no compiled library and nothing of the server; watchdog and tqdm are used where they
are installed.
"""
