"""Laws of the architecture, kept by reading the code: of the checkout, or of what is installed."""
