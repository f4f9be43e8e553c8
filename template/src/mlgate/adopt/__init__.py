"""Any table becomes the project: read it, infer what its columns are, choose numbers, write readable code."""
