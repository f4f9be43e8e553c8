"""Gates, ledger and watch of this repository: the template's own code, updated by cruft."""
