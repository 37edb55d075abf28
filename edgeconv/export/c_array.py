"""The bytes of a `.edge` file as a C array, for firmware that reads FlatBuffers: one header, one source file."""

from __future__ import annotations

import re

__all__ = ["c_identifier", "c_sources"]

_PER_LINE = 16

_HEADER = """/* {title}, written by edgeconv. Do not edit. */
#ifndef {guard}
#define {guard}

#include <stddef.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* A FlatBuffer (identifier EDG1, see edge.fbs), aligned to {alignment} bytes. */
extern const unsigned char {name}[{size}];
extern const size_t {name}_size;

#ifdef __cplusplus
}}
#endif

#endif
"""

_SOURCE = """/* {title}, written by edgeconv. Do not edit. */
#include "{header}"

#if !defined(__cplusplus) && (!defined(__STDC_VERSION__) || __STDC_VERSION__ < 202311L)
#include <stdalign.h>
#endif

const size_t {name}_size = {size};

alignas({alignment}) const unsigned char {name}[{size}] = {{
{rows}
}};
"""


def c_identifier(stem: str) -> str:
    """A name that C takes and has no other use for, from that of a file: "my-net.v2" -> "my_net_v2_model"."""
    name = re.sub(r"[^0-9A-Za-z_]", "_", stem).strip("_")
    return f"{name}_model" if name and not name[0].isdigit() else f"edge_{name}_model"


def c_sources(data: bytes, stem: str, title: str, alignment: int = 64) -> tuple[str, str]:
    """Header and source file of `stem`.h and `stem`.c; C11 or newer, or C++11. `c_identifier` names the array."""
    words = {
        "title": re.sub(r"[^ -~]|\*/", "?", title),
        "name": c_identifier(stem),
        "guard": f"{c_identifier(stem).upper()}_H",
        "size": len(data),
        "alignment": alignment,
        "header": f"{stem}.h",
    }
    lines = [data[start : start + _PER_LINE] for start in range(0, len(data), _PER_LINE)]
    rows = "\n".join(",".join(f"0x{byte:02x}" for byte in line) + "," for line in lines)
    return _HEADER.format(**words), _SOURCE.format(**words, rows=rows)
