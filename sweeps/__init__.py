"""The sweep itself: spec, search, trials, command line."""
