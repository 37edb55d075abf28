"""The interpreter as a device uses it; imports NumPy and edgeconv.runtime only."""
