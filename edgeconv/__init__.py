"""edgeconv: ONNX in, a small int8 `.edge` file out, and a pure NumPy interpreter to run it.

The names below load on first use, so that `import edgeconv.runtime` stays numpy only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeconv.api import Model, convert, evaluate, load
    from edgeconv.calibration import calibrate
    from edgeconv.comparison import compare
    from edgeconv.quantize.calibrated import Calibrated

__all__ = ["Calibrated", "Model", "__version__", "calibrate", "compare", "convert", "evaluate", "load"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'edgeconv' has no attribute {name!r}")
    from importlib import import_module

    home = {"compare": "comparison", "calibrate": "calibration", "Calibrated": "quantize.calibrated"}.get(name, "api")
    return getattr(import_module(f"edgeconv.{home}"), name)
