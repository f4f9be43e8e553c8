"""Data versions: a snapshot as a file, and DVC's record of it."""
