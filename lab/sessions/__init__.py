"""People who use the hub, as their browsers would: for tests and for the benchmark of a hackathon."""
