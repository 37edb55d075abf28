"""The examples run here as they would on a device: on synthetic sounds, on pictures made here, on lines of numbers."""
