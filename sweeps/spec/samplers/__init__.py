"""How candidates are drawn from a space: a sampler is a file."""
