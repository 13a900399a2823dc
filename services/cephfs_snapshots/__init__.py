"""Daily snapshots of folders of a CephFS, of which the newest are kept."""
