"""One module a verb: `command` is the click command, `run` does the work."""
