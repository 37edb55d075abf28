"""How an image becomes numbers: x * scale, then (x - mean) / std per channel, on pixels of 0..255 in float32."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from edgeconv.core import TensorType
from edgeconv.data.checks import feed_dtype
from edgeconv.errors import DataError, UsageError

__all__ = [
    "CHANNELS",
    "LAYOUTS",
    "PREPROCESSING",
    "RESIZES",
    "ImagePlan",
    "Preprocessing",
    "parse_fields",
    "parse_number",
    "parse_numbers",
    "plan_images",
    "resolve",
]

PREPROCESSING = "preprocessing"
"""Metadata key: JSON, the preprocessing that a file was calibrated with."""

LAYOUTS = ("auto", "NCHW", "NHWC")
CHANNELS = ("auto", "RGB", "BGR", "GRAY")
RESIZES = ("stretch", "center-crop", "exact")


@dataclass(frozen=True)
class Preprocessing:
    """Image options; the defaults feed raw pixels, 0..255.

    mean, std: one number, or one per channel in the order of `channels`; applied after `scale`.
    layout: where the channels stand; "auto" reads it off the input's shape.
    channels: "auto" is GRAY for one channel, else RGB.
    resize: what to do with images of another size, bilinearly: "stretch" (aspect not kept), "center-crop" (scaled to
    cover, the overhang cut), or "exact" (an error).
    Raises UsageError for values that make no sense.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = 1.0
    layout: str = "auto"
    channels: str = "auto"
    resize: str = "stretch"

    def __post_init__(self) -> None:
        _one_of("layout", self.layout, LAYOUTS)
        _one_of("channels", self.channels, CHANNELS)
        _one_of("resize", self.resize, RESIZES)
        for option, values in (("mean", self.mean), ("std", self.std), ("scale", (self.scale,))):
            if not values or not all(math.isfinite(value) for value in values):
                raise UsageError(f"--{option} {_plain(values)} makes no sense; expected finite numbers")
        if min(self.std) <= 0 or self.scale == 0:
            option, value = ("std", _plain(self.std)) if min(self.std) <= 0 else ("scale", _plain((self.scale,)))
            raise UsageError(f"--{option} {value} makes no sense; expected more than zero")

    @staticmethod
    def parse(**given: str) -> Preprocessing:
        """From the command line's strings: numbers and fractions, commas between channels, any case."""
        return Preprocessing(**parse_fields(given))

    @staticmethod
    def from_json(text: str) -> Preprocessing | None:
        """What `to_json` wrote; None for anything else, whatever a file may hold."""
        try:
            found = json.loads(text)
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
            return Preprocessing(**fields)
        except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, UsageError):
            return None

    def to_json(self) -> str:
        """One compact line, for a file's metadata."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True)

    def options(self) -> tuple[str, ...]:
        """The command line's options that say the same, those that change nothing left out."""
        found = {
            "scale": repr(self.scale) if self.scale != 1.0 else "",
            "mean": ",".join(map(repr, self.mean)) if set(self.mean) != {0.0} else "",
            "std": ",".join(map(repr, self.std)) if set(self.std) != {1.0} else "",
            "layout": self.layout if self.layout != "auto" else "",
            "channels": self.channels if self.channels != "auto" else "",
            "resize": self.resize if self.resize != "stretch" else "",
        }
        return tuple(word for name, value in found.items() if value for word in (f"--{name}", value))

    @property
    def is_identity(self) -> bool:
        """True when pixels stay as they are."""
        return set(self.mean) == {0.0} and set(self.std) == {1.0} and self.scale == 1.0

    def describe(self) -> str:
        """The arithmetic in one phrase."""
        if self.is_identity:
            return "pixels 0..255"
        return f"scale {self.scale:g}, mean {_plain(self.mean)}, std {_plain(self.std)}"

    def describe_fully(self) -> str:
        """The arithmetic, and how an image is laid out."""
        return f"{self.describe()}; layout {self.layout}, channels {self.channels}, resize {self.resize}"


def parse_fields(given: Mapping[str, str]) -> dict[str, Any]:
    """The command line's strings as fields of Preprocessing. UsageError for what is no number."""
    readers: dict[str, Callable[[str], Any]] = {
        "mean": partial(parse_numbers, "--mean"),
        "std": partial(parse_numbers, "--std"),
        "scale": partial(parse_number, "--scale"),
        "layout": _upper,
        "channels": _upper,
        "resize": str.lower,
    }
    return {name: readers[name](text) for name, text in given.items()}


def resolve(given: Preprocessing | Mapping[str, Any] | None, metadata: Mapping[str, str]) -> Preprocessing:
    """The preprocessing to use with a file: what is `given`, or the file's own, of which a mapping changes fields."""
    if isinstance(given, Preprocessing):
        return given
    stored = Preprocessing.from_json(metadata.get(PREPROCESSING, "")) or Preprocessing()
    return replace(stored, **(given or {}))


def _upper(text: str) -> str:
    return "auto" if text.lower() == "auto" else text.upper()


@dataclass(frozen=True)
class ImagePlan:
    """What one model input asks of an image. height, width: None where the model leaves them open."""

    layout: str
    mode: str
    height: int | None
    width: int | None

    @property
    def depth(self) -> int:
        """Number of channels."""
        return 1 if self.mode == "GRAY" else 3


def plan_images(where: str, name: str, known: TensorType, options: Preprocessing) -> ImagePlan:
    """Layout, channels and size for images that feed input `name`; raises DataError or UsageError."""
    if known.rank != 4:
        raise DataError(f"{where}: images feed an input [N,C,H,W] or [N,H,W,C], but {name!r} is {known}; give an .npz")
    if feed_dtype(known).kind != "f" and not options.is_identity:
        raise UsageError(f"--mean, --std and --scale make real numbers, but input {name!r} is {known}; leave them out")
    if feed_dtype(known) in (np.bool_, np.int8):
        raise DataError(f"{where}: pixels 0..255 do not fit input {name!r}, {known}; give an .npz")
    layout = _layout(where, name, known, options)
    depth, height, width = (known.shape[axis] for axis in ((1, 2, 3) if layout == "NCHW" else (3, 1, 2)))
    mode = options.channels if options.channels != "auto" else "GRAY" if depth == 1 else "RGB"
    plan = ImagePlan(
        layout, mode, height if isinstance(height, int) else None, width if isinstance(width, int) else None
    )
    kind = f"{mode} images have {plan.depth} channel{'s' * (plan.depth != 1)}"
    if isinstance(depth, int) and depth != plan.depth:
        raise DataError(f"{where}: {kind}, input {name!r} is {known}, read as {layout}; check --channels and --layout")
    for option, values in (("mean", options.mean), ("std", options.std)):
        if len(values) not in (1, plan.depth):
            raise UsageError(f"--{option} has {len(values)} values, {kind}")
    return plan


def parse_number(option: str, text: str) -> float:
    """A decimal number or a fraction such as 1/255; UsageError for anything else."""
    numerator, slash, denominator = text.strip().partition("/")
    try:
        if slash:
            return float(Fraction(numerator.strip()) / Fraction(denominator.strip()))
        return float(numerator)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise UsageError(f"{option} {text!r} is no number; expected one such as 0.5 or 1/255") from error


def parse_numbers(option: str, text: str) -> tuple[float, ...]:
    """Numbers or fractions with commas between them; UsageError for anything else."""
    return tuple(parse_number(option, part) for part in text.split(","))


def _layout(where: str, name: str, known: TensorType, options: Preprocessing) -> str:
    if options.layout != "auto":
        return options.layout
    depths = {"auto": (1, 3), "GRAY": (1,)}.get(options.channels, (3,))
    fitting = [layout for layout, axis in (("NCHW", 1), ("NHWC", 3)) if known.shape[axis] in depths]
    if len(fitting) == 1:
        return fitting[0]
    raise DataError(
        f"{where}: the shape of input {name!r}, {known}, does not tell where its channels are; "
        "say --layout NCHW or --layout NHWC"
    )


def _one_of(option: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise UsageError(f"--{option} {value!r} is not known; expected one of {', '.join(choices)}")


def _plain(values: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in values)
