"""All paths: the video root, the spool, the bin, locks and marks. Imports model and naming."""
