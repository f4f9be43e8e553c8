"""Recorded or generated traffic, sent to an environment."""
