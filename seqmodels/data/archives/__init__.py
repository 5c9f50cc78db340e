"""Archives from strangers; `reading` has what others call."""
