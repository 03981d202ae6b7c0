"""Show a unit at work as moving pictures: gates that open, memories that fill and drain."""
