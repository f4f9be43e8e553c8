"""What the gates need of the world: the holdout, the champion's scores, the standing verdict."""
