"""The processes that let decoders near files, and how they are started and asked; the only home of PyAV.

`renditions` and `labels` have their work done here. It imports `storage` and `model`.
"""
