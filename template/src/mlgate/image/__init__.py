"""The OCI image of a release: how it is named, and where it is kept."""
