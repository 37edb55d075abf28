"""Conv: 1-D and 2-D, grouped, depthwise, strided, dilated, with asymmetric padding, with and without bias."""

from __future__ import annotations

from tests.harness import Case, data

X, X1 = data(2, 6, 9, 8), data(2, 4, 15)

CASES = [
    Case("plain", "Conv", (X, data(5, 6, 3, 3), data(5)), constants=(1, 2), int8_sqnr=30),
    Case("no_bias", "Conv", (X, data(5, 6, 3, 3)), constants=(1,), int8_sqnr=30),
    Case("pointwise", "Conv", (X, data(7, 6, 1, 1), data(7)), constants=(1, 2), int8_sqnr=30),
    Case("strided_pointwise", "Conv", (X, data(7, 6, 1, 1)), {"strides": [2, 2]}, constants=(1,), int8_sqnr=30),
    Case("padded", "Conv", (X, data(4, 6, 3, 3), data(4)), {"pads": [1, 1, 1, 1]}, constants=(1, 2), int8_sqnr=30),
    Case("asymmetric_pads", "Conv", (X, data(4, 6, 3, 2)), {"pads": [0, 2, 1, 3]}, constants=(1,), int8_sqnr=30),
    Case("strided", "Conv", (X, data(4, 6, 3, 3)), {"pads": [1] * 4, "strides": [2, 3]}, (1,), int8_sqnr=30),
    Case("dilated", "Conv", (X, data(4, 6, 3, 2)), {"pads": [2] * 4, "dilations": [2, 3]}, (1,), int8_sqnr=30),
    Case("grouped", "Conv", (X, data(4, 3, 3, 3), data(4)), {"pads": [1] * 4, "group": 2}, (1, 2), int8_sqnr=30),
    Case("depthwise", "Conv", (X, data(6, 1, 3, 3), data(6)), {"pads": [1] * 4, "group": 6}, (1, 2), int8_sqnr=30),
    Case("depthwise_stride_2", "Conv", (X, data(6, 1, 3, 3)), {"strides": [2, 2], "group": 6}, (1,), int8_sqnr=30),
    Case("multiplier", "Conv", (X, data(12, 1, 3, 3)), {"pads": [1] * 4, "group": 6}, (1,), int8_sqnr=30),
    Case(
        "same_upper", "Conv", (X, data(4, 6, 3, 3)), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (1,), int8_sqnr=30
    ),
    Case("same_lower", "Conv", (X, data(4, 6, 2, 2)), {"auto_pad": "SAME_LOWER"}, (1,), int8_sqnr=30),
    Case("one_dimension", "Conv", (X1, data(3, 4, 5), data(3)), {"pads": [2, 2]}, (1, 2), int8_sqnr=30),
    Case("one_dimension_strided", "Conv", (X1, data(3, 4, 3)), {"strides": [2], "dilations": [2]}, (1,), int8_sqnr=30),
    Case("three_dimensions", "Conv", (data(1, 2, 5, 6, 4), data(3, 2, 2, 3, 2)), {"pads": [1] * 6}, (1,), int8_sqnr=30),
    Case("weight_at_run_time", "Conv", (X, data(4, 6, 3, 3), data(4))),
]
