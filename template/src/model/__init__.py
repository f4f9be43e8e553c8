"""Your model: data, contract, features, estimator and service."""
