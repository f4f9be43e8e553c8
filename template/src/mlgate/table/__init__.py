"""What a table of rows is to everything else: roles, targets, which rows train, what names a row."""
