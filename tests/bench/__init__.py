"""The measuring instruments: what they count and how they sum, never what a clock says."""
