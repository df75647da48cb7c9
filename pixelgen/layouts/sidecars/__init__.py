"""Sidecars: files beside the images that index them, one module a training stack."""
