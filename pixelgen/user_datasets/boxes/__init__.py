"""Where the objects are in a labelled dataset of the user's: boxes. One module a format."""
