"""Mutants: the engine, changed a little in a thousand ways, and whether its tests notice."""
