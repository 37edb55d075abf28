"""The C array holds the file's bytes: a C and a C++ compiler say so."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edgeconv.export.c_array import c_identifier
from edgeconv_cli.main import run_commands
from tests.golden.files import edge_file

_MAIN = """
#include "my-net.v2.h"
#include "my-net.v2.h"
#include <stdint.h>
#include <stdio.h>
int main(void) {
  if ((uintptr_t)my_net_v2_model % 64 || sizeof my_net_v2_model != my_net_v2_model_size) return 1;
  return fwrite(my_net_v2_model, 1, my_net_v2_model_size, stdout) != my_net_v2_model_size;
}
"""


@pytest.mark.parametrize("compiler", [("gcc", "-std=c11"), ("gcc", "-std=c17"), ("g++", "-std=c++11", "-xc++")])
def test_compiled_bytes_are_the_file(compiler: tuple[str, ...], tmp_path: Path) -> None:
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"{compiler[0]} is not installed")
    edge = edge_file("digits_resnet")
    assert run_commands(["deploy", str(edge), "--format", "c", "-o", str(tmp_path / "my-net.v2.c"), "--quiet"]) == 0
    (tmp_path / "main.c").write_text(_MAIN)
    flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", *compiler[1:], "main.c", "my-net.v2.c", "-o", "show"]
    subprocess.run([compiler[0], *flags], cwd=tmp_path, check=True)
    shown = subprocess.run([str(tmp_path / "show")], capture_output=True, check=True)
    assert shown.stdout == edge.read_bytes()


@pytest.mark.parametrize(
    ("stem", "name"),
    [("kws", "kws_model"), ("my-net.v2", "my_net_v2_model"), ("2nd", "edge_2nd_model"), ("ä", "edge__model")],
)
def test_names_are_what_c_takes(stem: str, name: str) -> None:
    assert c_identifier(stem) == name
