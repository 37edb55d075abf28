"""Refinements of a quantized network: one file each."""
