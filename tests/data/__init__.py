"""The DATA grammar, from the outside."""
