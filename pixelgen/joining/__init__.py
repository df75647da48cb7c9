"""What makes negatives fit a dataset of the user's, and merges the two. Only reads their files."""
