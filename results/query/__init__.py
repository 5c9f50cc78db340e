"""What somebody asks of the tables: a condition on their columns, and SQL."""
