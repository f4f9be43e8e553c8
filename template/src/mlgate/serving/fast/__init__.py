"""The fast path: one row from JSON to its score without a frame, wherever that is shown to give the same answer."""
