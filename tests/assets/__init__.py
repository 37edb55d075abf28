"""Suites on real models: they need the folder that EDGECONV_ASSETS names, and skip without it."""
