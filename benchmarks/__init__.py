"""Measurements beside ONNX Runtime, on the models and data in the folder that EDGECONV_ASSETS names.

python -m benchmarks.accuracy [--write] [MODEL ...]      and so for latency and convert
"""
