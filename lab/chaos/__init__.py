"""Faults of a PostgreSQL cluster while clients write, and whether every acknowledged commit is there afterwards."""
