"""Implementations of the recurrence behind one interface."""
