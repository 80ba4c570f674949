"""The camera's side: sends clips to a watcher elsewhere.

It needs msgspec, requests, watchdog and tqdm, and nothing of the server.
"""
