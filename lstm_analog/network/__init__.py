"""The intermediate representation: part banks, their laws, the network, its schedule, and trajectories of efforts."""
