"""Exact arithmetic that families share: the same result on every processor."""
