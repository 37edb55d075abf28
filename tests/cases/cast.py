"""Cast and CastLike between floats, integers and bool."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from tests.harness import Case, data

X = data(2, 9, low=-9, high=9)
INTS = X.astype(np.int64)

CASES = [
    *(
        Case(kind.lower(), "Cast", (X,), {"to": getattr(TensorProto, kind)})
        for kind in ("INT8", "INT16", "INT32", "INT64", "BOOL", "DOUBLE", "FLOAT")
    ),
    *(
        Case(f"from_int_{kind.lower()}", "Cast", (INTS,), {"to": getattr(TensorProto, kind)})
        for kind in ("FLOAT", "DOUBLE", "INT32", "UINT8", "BOOL", "UINT16", "UINT32", "UINT64")
    ),
    Case("from_bool", "Cast", (INTS > 0,), {"to": TensorProto.FLOAT}, opset=9),
    Case("opset_7", "Cast", (X,), {"to": TensorProto.INT64}, opset=7),
    Case("saturate", "Cast", (X,), {"to": TensorProto.INT32, "saturate": 0}, opset=19),
    Case("float", "CastLike", (INTS, X[:1]), constants=(1,)),
    Case("same", "CastLike", (X, X[:1]), constants=(1,)),
]
