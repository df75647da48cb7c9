"""Images scored by the user's own model: which of them fool it."""
