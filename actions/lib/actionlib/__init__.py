"""What actions share: a problem in one line, outputs, annotations, summaries, comments, and GitHub's REST API.

Standard library only: an action runs before, and without, the project's own environment.
"""
