"""`make bench`: what is claimed of watcher's speed, as ratios to a ceiling measured in the same run.

Cases run interleaved, several rounds each, and the median of the rounds' ratios is told.
"""
