"""The intermediate representation: part banks, their laws, the network, its schedule and what a run leaves behind."""
