"""The lab's data plane: from what neutron wants to bridges, addresses and nftables."""
