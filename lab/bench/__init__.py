"""Measures our roles against the bare commands that a person would type, on guests of this machine, in one run."""
