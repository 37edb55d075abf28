"""State: outputs that are inputs in the next call."""
