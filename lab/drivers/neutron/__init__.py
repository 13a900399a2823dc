"""neutron's side of the lab: it binds ports and tells the network agent what is wanted."""
