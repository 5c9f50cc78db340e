"""One module per table or figure in the terminal."""
