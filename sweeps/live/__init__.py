"""How a running sweep stands, for people and programs; free of Ray."""
