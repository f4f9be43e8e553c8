"""A forge on loopback in the place of GitHub: its REST API, checked against GitHub's description, and Git."""
