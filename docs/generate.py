"""Write the generated parts of README.md and docs/ anew: tables, figures, and what the demo prints.

    python docs/generate.py            rewrite what lies between the markers
    python docs/generate.py --check    write nothing, exit 1 where something is stale

A part stands between `<!-- begin NAME: ... -->` and `<!-- end NAME -->`. Figures that the demo prints may differ in the
last digit from one processor to the next, and what refinement takes for a layer with them, so the check compares
the other words.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

from ledger_table import function_list, ledger_table  # noqa: E402  # the folder is not a package

_PART = re.compile(r"(<!-- begin (?P<name>[\w-]+): [^>]*-->\n)(?P<text>.*?)(<!-- end (?P=name) -->)", re.DOTALL)
_COMMAND = re.compile(r"edgeconv convert .*?(?<!\\)\n", re.DOTALL)


def demo() -> str:
    """The command of `make demo`, and what it prints."""
    command = demo_command()
    (ROOT / ".demo").mkdir(exist_ok=True)
    run = [sys.executable, "-c", "from edgeconv_cli.main import main; main()", *command.split()[1:]]
    done = subprocess.run(run, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    shown = re.sub(r" (?=--(calib|metric|report))", " \\\n    ", command)
    return f"```console\n$ {shown}\n{done.stdout.strip()}\n```\n"


def demo_command() -> str:
    """`edgeconv convert ...` as the Makefile has it."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndemo:")[2]
    found = _COMMAND.search(recipe)
    if found is None:
        raise SystemExit("the Makefile's demo has no `edgeconv convert` command")
    return " ".join(found[0].replace("\\\n", " ").split())


def passes() -> str:
    """The pipeline of operator pruning, in order, each with the first line of its file."""
    from edgeconv.passes import SIMPLIFY

    rows = [
        f"| `{each.__name__}` | {(sys.modules[each.__module__].__doc__ or '').splitlines()[0]} |" for each in SIMPLIFY
    ]
    return "\n".join(["| pass | what it is about |", "| --- | --- |", *rows, ""])


def operators(form: str) -> Callable[[], str]:
    """What `edgeconv ops` prints, in one of the forms of `edgeconv.report.operators`."""

    def table() -> str:
        from edgeconv import support
        from edgeconv.report import operators as forms

        made: str = getattr(forms, form)(support.operators())
        return made

    return table


def measured(name: str) -> Callable[[], str]:
    """The table that a benchmark wrote into docs/benchmarks.md."""

    def copy() -> str:
        parts = _PART.finditer((ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8"))
        return next(part["text"] for part in parts if part["name"] == name)

    return copy


PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "demo": demo,
        "operators": operators("operators_by_form"),
        "accuracy": measured("accuracy"),
        "latency": measured("latency"),
        "convert": measured("convert"),
    },
    "docs/raspberry-pi.md": {"memory": measured("memory")},
    "docs/operators.md": {
        "operators": operators("operators_markdown"),
        "functions": lambda: function_list() + "\n",
        "ledger": lambda: ledger_table() + "\n",
    },
    "docs/architecture.md": {"passes": passes},
}


def main() -> int:
    """Write or check every part; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 where something is stale")
    check, stale = parser.parse_args().check, 0
    for file, makers in PARTS.items():
        path = ROOT / file
        old = path.read_text(encoding="utf-8")
        new = rendered(old, makers)
        if _comparable(new) != _comparable(old):
            stale += 1
            print(f"{'stale' if check else 'written'}: {file}")
        if not check and new != old:
            path.write_text(new, encoding="utf-8", newline="\n")
    return 1 if check and stale else 0


def rendered(text: str, makers: dict[str, Callable[[], str]]) -> str:
    """`text` with every part made anew; a marker without a maker, or a maker without its marker, is an error."""
    names = [part["name"] for part in _PART.finditer(text)]
    if sorted(names) != sorted(makers):
        raise SystemExit(f"the markers {sorted(names)} are not the parts {sorted(makers)}")
    return _PART.sub(lambda part: part[1] + makers[part["name"]]() + part[4], text)


def _comparable(text: str) -> str:
    """`text` with the digits of the demo blotted out, the widths that follow from them, and what each layer took, which
    hangs on the last bits of sums."""

    def blot(part: re.Match[str]) -> str:
        if part["name"] != "demo":
            return part[0]
        steady = re.sub(r"^Refinement$.*?(?=^Accuracy)", "", part[0], flags=re.DOTALL | re.MULTILINE)
        return re.sub(r"[ -]+", " ", re.sub(r"\d[\d.,]*", "#", steady))

    return _PART.sub(blot, text)


if __name__ == "__main__":
    sys.exit(main())
