"""What calibration has seen, apart from the samples: it can be saved, merged, and quantized from later or elsewhere.

The samples are cut into numbered batches. Statistics do not depend on the order in which batches come, so any number of
shards, merged in any order, are bit for bit what one run over all batches gives. The first few batches are kept as they
are: refining layers needs them.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgeconv.core import Array
from edgeconv.data.input_statistics import InputStatistics
from edgeconv.data.npy import npz_readers
from edgeconv.data.preprocessing import PREPROCESSING
from edgeconv.data.source import joined_digest
from edgeconv.errors import CorruptDataError, DataError, UsageError
from edgeconv.graph import Graph
from edgeconv.quantize.statistics import Statistics

__all__ = ["Calibrated", "Variant", "signature_of"]

_FORMAT = "edgeconv.calib/1"
_CLOSE = 1e-4


@dataclass(frozen=True)
class Variant:
    """Statistics by value name, of one form of the network: as it is, or equalized. `signature` tells which."""

    signature: Mapping[str, float]
    statistics: Mapping[str, Statistics]

    def fits(self, graph: Graph) -> bool:
        """Is `graph` the network that was calibrated, up to rounding on another machine?"""
        found = signature_of(graph)
        return found.keys() == self.signature.keys() and all(
            abs(found[name] - size) <= _CLOSE * abs(size) for name, size in self.signature.items()
        )

    def merged(self, other: Variant) -> Variant:
        """With what `other` has seen."""
        total = {}
        for name, statistics in self.statistics.items():
            total[name] = Statistics()
            total[name].merge(statistics)
            total[name].merge(other.statistics[name])
        return Variant(self.signature, total)


@dataclass(frozen=True)
class Calibrated:
    """The result of calibrating on some batches; iterating gives the first few of the data, or all of `source`.

    recipe: what all parts must agree on (model, options, samples). parts: batch number -> (samples, sha256 of its
    contents). total: number of batches of the data. is_random: the data were drawn, not collected. inputs: statistics
    of the model's inputs, to notice samples that were prepared otherwise. source: all batches, while they are there.
    """

    recipe: Mapping[str, str]
    few: Sequence[Mapping[str, Array]]
    variants: Sequence[Variant]
    parts: Mapping[int, tuple[int, str]]
    total: int
    is_random: bool = False
    inputs: InputStatistics = field(default_factory=lambda: InputStatistics({}))
    source: Iterable[Mapping[str, Array]] | None = field(default=None, repr=False, compare=False)

    def __iter__(self) -> Iterator[Mapping[str, Array]]:
        return iter(self.few if self.source is None else self.source)

    @property
    def samples(self) -> int:
        """Samples that were seen."""
        return sum(count for count, _ in self.parts.values())

    @property
    def preprocessing(self) -> str:
        """JSON of the preprocessing of images, as in a file's metadata; "" where the samples were no images."""
        return self.recipe.get(PREPROCESSING, "")

    @property
    def digest(self) -> str:
        """The `ContentDigest` of all samples."""
        return joined_digest(digest for _, digest in self.parts.values())

    @property
    def missing(self) -> list[int]:
        """Numbers of the batches that were not seen."""
        return [number for number in range(self.total) if number not in self.parts]

    def statistics(self, graph: Graph, names: Iterable[str]) -> dict[str, Statistics]:
        """Those of the values called `names`; UsageError where they are of another network or not complete."""
        if self.missing:
            raise UsageError(
                f"the calibration has seen {len(self.parts)} of {self.total} batches; finish it with --resume, or "
                "merge all shards with edgeconv calibrate --merge"
            )
        wanted = list(names)
        for variant in self.variants:
            if variant.fits(graph) and all(name in variant.statistics for name in wanted):
                return {name: variant.statistics[name] for name in wanted}
        raise UsageError(
            "the calibration was made for another model or with other options (effort, exclude, input shapes); "
            "calibrate again with those of this conversion"
        )

    def merged(self, other: Calibrated) -> Calibrated:
        """Both together; UsageError where they do not belong together or have seen the same batches."""
        for key in {*self.recipe, *other.recipe}:
            mine, yours = self.recipe.get(key, "nothing"), other.recipe.get(key, "nothing")
            if mine != yours:
                raise UsageError(
                    f"these calibrations do not belong together: {key} is {mine} in one, {yours} in another"
                )
        both = sorted(set(self.parts) & set(other.parts))
        if both:
            raise UsageError(f"batch {both[0]} is in two of the calibrations; merge every shard once")
        variants = [mine.merged(yours) for mine, yours in zip(self.variants, other.variants, strict=True)]
        parts = dict(sorted({**self.parts, **other.parts}.items()))
        return replace(self, variants=variants, parts=parts, inputs=self.inputs.merged(other.inputs))

    def to_bytes(self, *, compressed: bool = True) -> bytes:
        """A file; the same calibration gives the same bytes. To compress the first samples takes seconds."""
        arrays: dict[str, Array] = {"format": np.array(_FORMAT), "total": np.array([self.total, self.is_random])}
        arrays["recipe"] = np.array(sorted(self.recipe.items())).reshape(-1, 2)
        numbers = sorted(self.parts)
        arrays["parts"] = np.array([(number, self.parts[number][0]) for number in numbers], np.int64).reshape(-1, 2)
        arrays["digests"] = np.array([self.parts[number][1] for number in numbers], "U64")
        rows = [(name, *state) for name, state in sorted(self.inputs.state().items())]
        arrays["inputs"] = np.array(rows).reshape(-1, 6)
        for at, batch in enumerate(self.few):
            arrays.update({f"few/{at:04}/{name}": array for name, array in sorted(batch.items())})
        for at, variant in enumerate(self.variants):
            names = sorted(variant.statistics)
            states = [variant.statistics[name].state() for name in names]
            arrays[f"variant/{at}/signature"] = np.array(list(variant.signature))
            arrays[f"variant/{at}/sizes"] = np.array(list(variant.signature.values()), np.float64)
            arrays[f"variant/{at}/names"] = np.array(names)
            arrays[f"variant/{at}/limits"] = np.array([limits for limits, _, _ in states], np.float64).reshape(-1, 2)
            arrays[f"variant/{at}/counts"] = np.array([counts for _, counts, _ in states], np.int64).reshape(-1, 2)
            arrays[f"variant/{at}/bins"] = np.array([bins for _, _, bins in states], np.int64)
        target = io.BytesIO()
        save = np.savez_compressed if compressed else np.savez
        save(target, **arrays)  # type: ignore[arg-type]  # names may be anything
        return target.getvalue()

    @staticmethod
    def from_bytes(content: bytes, name: str = "the calibration") -> Calibrated:
        """What `to_bytes` wrote; CorruptDataError for anything else."""
        try:
            return _read({key: reader.array() for key, reader in npz_readers(io.BytesIO(content), name).items()})
        except (DataError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            raise CorruptDataError(
                f"{name} is no calibration that this edgeconv can read; make it with edgeconv calibrate"
            ) from error


def signature_of(graph: Graph) -> dict[str, float]:
    """Sums of magnitudes of the float constants by name: they differ between forms of a network."""
    found = {}
    for name, known in sorted(graph.types.items()):
        value = graph.constant(name)
        if value is not None and known.is_float:
            found[name] = float(np.abs(value, dtype=np.float64).sum())
    return found


def _read(arrays: Mapping[str, Array]) -> Calibrated:
    if str(arrays["format"]) != _FORMAT:
        raise ValueError(f"its format is {str(arrays['format'])!r}")
    few: dict[str, dict[str, Array]] = {}
    for key, array in arrays.items():
        if key.startswith("few/"):
            _, at, name = key.split("/", 2)
            few.setdefault(at, {})[name] = array
    count = len({key.split("/")[1] for key in arrays if key.startswith("variant/")})
    digests = arrays["digests"].tolist()
    total, is_random = arrays["total"].tolist()
    return Calibrated(
        recipe={str(key): str(value) for key, value in arrays["recipe"].tolist()},
        few=[few[at] for at in sorted(few)],
        variants=[_read_variant(arrays, f"variant/{at}/") for at in range(count)],
        parts={int(n): (int(k), str(d)) for (n, k), d in zip(arrays["parts"].tolist(), digests, strict=True)},
        total=int(total),
        is_random=bool(is_random),
        inputs=InputStatistics.of_state({str(name): state for name, *state in arrays["inputs"].tolist()}),
    )


def _read_variant(arrays: Mapping[str, Array], prefix: str) -> Variant:
    names, limits, counts, bins = (arrays[prefix + part] for part in ("names", "limits", "counts", "bins"))
    statistics = {
        str(name): Statistics.of_state(tuple(limits[row]), tuple(counts[row].tolist()), bins[row])
        for row, name in enumerate(names.tolist())
    }
    keys, sizes = arrays[prefix + "signature"].tolist(), arrays[prefix + "sizes"].tolist()
    return Variant(dict(zip(map(str, keys), sizes, strict=True)), statistics)
