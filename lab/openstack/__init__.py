"""OpenStack 2026.1 on one machine: what is installed, how it is configured, and what its operator gives to tenants."""
