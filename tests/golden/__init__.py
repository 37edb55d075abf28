"""Golden files: int8 models made once, and the bytes that they must give for ever, wherever NumPy runs.

UPDATE_GOLDEN=1 pytest tests/golden      makes them anew (this needs the converter's extra)
"""
