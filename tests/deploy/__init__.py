"""Deployed files: what is inside, that it runs with NumPy alone, and that it tells the truth about itself."""
