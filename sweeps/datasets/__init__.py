"""The data of a sweep: loaded, described, and kept beside its results."""
