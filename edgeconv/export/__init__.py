"""Floor 2: one file per output format."""
