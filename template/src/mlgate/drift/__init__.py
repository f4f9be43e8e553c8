"""Watching production: a profile of the reference, and verdicts on windows of live traffic."""
