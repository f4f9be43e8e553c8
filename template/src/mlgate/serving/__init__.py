"""The service from the request to the log: typed rows, history, features, score, answer."""
