"""An encrypted backup of the shared filesystem's last snapshots, by restic.

What is backed up is a snapshot, so that all of it is of one moment. It is mounted at the same path each time, by which
restic knows what it has seen before and reads only what is new. Whoever has the repository's address and its password
restores with restic alone.
"""
