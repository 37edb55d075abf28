"""Floor 2: ONNX protobuf -> Graph. The only importer of `onnx`."""

from edgeconv.importer.load import load_onnx

__all__ = ["load_onnx"]
