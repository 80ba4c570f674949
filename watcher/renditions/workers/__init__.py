"""The processes that let decoders near files; the only home of PyAV."""
