"""ONNX's own node tests, and the ledger that says what edgeconv does with each."""
