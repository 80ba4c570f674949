"""What a model sees on clips: getting a model, looking with it, noting what it says.

It imports `workers`, `tiering`, services and what is below; models' libraries in processes of their own.
"""
