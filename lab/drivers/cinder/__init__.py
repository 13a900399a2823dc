"""cinder's side of the lab: volumes are sparse files."""
