"""The Parquet store of sweeps and its views. Imports neither ray nor torch."""
