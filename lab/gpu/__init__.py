"""A simulated NVIDIA driver for a machine without GPUs: no figure that it gives was measured on a card."""
