"""Models made here and now by the current exporters, each converted and held against ONNX Runtime.

`make exports` runs them, in an environment with the extra `exports`. Nothing is stored: a maker builds its model, small
and with a fixed seed, and the test converts it at once.
"""
