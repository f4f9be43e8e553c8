"""Loads what most verbs need. Nothing here may start a thread: processes are forked from the one that loads it."""

import gc

import bentoml  # noqa: F401
import httpx  # noqa: F401
import sklearn.ensemble
import sklearn.pipeline  # noqa: F401

import mlgate.console
import mlgate.ledger
import mlgate.proofs.collection  # noqa: F401
from mlgate.training.tracking_server import warm_up

warm_up()
gc.freeze()  # a search for cycles in a child would also write to the memory that all share
