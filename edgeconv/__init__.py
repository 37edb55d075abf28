"""edgeconv: ONNX in, a small int8 `.edge` file out, and a pure NumPy interpreter to run it.

The names below load on first use, so that `import edgeconv.runtime` stays numpy only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeconv.api import Model, convert, evaluate, load
    from edgeconv.comparison import compare

__all__ = ["Model", "__version__", "compare", "convert", "evaluate", "load"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'edgeconv' has no attribute {name!r}")
    from edgeconv import api, comparison

    return getattr(comparison if name == "compare" else api, name)
