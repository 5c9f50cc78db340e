"""The spec: what is to be trained, read, checked, and laid out as trials."""
