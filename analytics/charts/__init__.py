"""Geometry of figures: numbers in, positions out. No framework; templates draw."""
