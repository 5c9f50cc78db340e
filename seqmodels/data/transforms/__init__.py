"""One module per transform: what is done to raw numbers before a model sees them."""
