"""Verification: every byte of a `.edge` file against the digests inside it."""

from __future__ import annotations

from collections.abc import Mapping

from edgeconv.records import dataclass, field
from edgeconv.runtime.decode import buffer_users, decode_program
from edgeconv.runtime.flat import damaged
from edgeconv.runtime.reader import Container, Source, naming, open_container, open_source, payload_digest

__all__ = ["VerifyResult", "verify_file"]


@dataclass(frozen=True)
class VerifyResult:
    """What a sound file says of itself. Sizes in bytes; `digest` is the structure digest in hexadecimal."""

    version: int
    producer: str
    digest: str
    file_bytes: int
    buffer_bytes: int
    buffers: int
    tensors: int
    constants: int
    operators: int
    steps: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)


def verify_file(source: Source) -> VerifyResult:
    """Check everything: structure, program, and the digest of every buffer (time grows with the size of the file).

    Raises InvalidModelError that names the first buffer, with a tensor that uses it, whose data is not what was
    written; UsageError for a path that cannot be read.
    """
    with naming(source):
        container = open_container(open_source(source))
        program = decode_program(container)
        _check_buffers(container)
    return VerifyResult(
        version=container.version,
        producer=program.metadata.get("producer", ""),
        digest=container.digest.hex(),
        file_bytes=len(container.view),
        buffer_bytes=sum(payload.length for payload in container.payloads),
        buffers=len(container.payloads),
        tensors=len(program.tensors),
        constants=sum(tensor.data is not None for tensor in program.tensors),
        operators=len({type(step.op).__name__ for step in program.steps}),
        steps=len(program.steps),
        inputs=tuple(program.tensors[index].name for index in program.inputs),
        outputs=tuple(program.tensors[index].name for index in program.outputs),
        metadata=program.metadata,
    )


def _check_buffers(container: Container) -> None:
    users = buffer_users(container)
    for index, payload in enumerate(container.payloads):
        found = payload_digest(container.view[payload.position : payload.position + payload.length])
        if found != payload.digest:
            user = f"tensor {users[index]!r}" if index in users else "no tensor"
            damaged(f"buffer {index} (used by {user}) has digest {found.hex()}, not {payload.digest.hex()} as declared")
