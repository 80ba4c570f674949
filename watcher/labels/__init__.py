"""What a model sees on clips: getting a model, looking with it, noting what it says. Imports services and workers."""
