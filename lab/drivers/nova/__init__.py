"""nova's side of the lab: servers are guests of lab.machine."""
