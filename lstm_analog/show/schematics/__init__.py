"""Draw the parts of one hidden unit as a schematic: read off the network, placed on a grid, wired, with symbols."""
