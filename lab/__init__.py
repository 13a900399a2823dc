"""The lab: one machine that becomes a small OpenStack cloud."""
