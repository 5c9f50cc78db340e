"""Recurrent sequence classifiers, trained many side by side (lanes). Imports torch and numpy, never ray."""
