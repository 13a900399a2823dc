"""The lab's machines: the image they boot from, and containers that behave as virtual machines."""
