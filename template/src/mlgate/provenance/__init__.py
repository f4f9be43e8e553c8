"""What is said of an image under a signature, who signed it, and whether that is enough to deploy it."""
