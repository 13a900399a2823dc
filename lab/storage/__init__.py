"""A Ceph cluster on guests of its own, for tests and measurements, and how fast its filesystem is."""
