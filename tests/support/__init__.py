"""What several tests use: oracles, small stores and sweeps, servers, a GPU and a cluster on this machine."""
