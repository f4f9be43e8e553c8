"""A small world of cards and terminals with fraud in it: the default data source, and the test bench of the gates."""
