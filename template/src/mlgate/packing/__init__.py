"""From a judged model to a release: what goes in, the Bento, the records."""
