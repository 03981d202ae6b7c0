"""Analogies of machine learning as machines: networks of parts that engines run and that are held against numbers."""
