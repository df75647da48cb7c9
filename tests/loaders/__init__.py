"""Sets of every layout, opened by the loaders that they are for."""
