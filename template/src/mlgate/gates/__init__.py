"""The statistics that decide whether a model may go on; plain numpy and scipy, no files, no printing."""
