"""Branches and loops that run."""
