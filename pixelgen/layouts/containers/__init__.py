"""Containers: where the encoded images of a dataset go, one module a training stack."""
