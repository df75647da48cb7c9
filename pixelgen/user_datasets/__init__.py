"""Datasets of the user's that negatives join: read, never written. One module a format."""
