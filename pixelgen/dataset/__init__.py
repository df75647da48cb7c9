"""A dataset on disk: its plan, journal and manifest, and what makes, checks and restores it."""
