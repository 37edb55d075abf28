"""Text, Markdown and JSON of one report say the same; names from a model cannot break out of them."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, nan

import pytest

from edgeconv.report import AccuracyReport, Conversion, FloatNode, ModelFacts, OutputFidelity, PassEffect, render
from edgeconv.report.content import change_in_words, decibels, float_blocks, passes_block
from edgeconv.report.document import Facts, Note, Section, Table
from edgeconv.report.markdown import escape, render_markdown
from edgeconv.report.text import printable, render_text

CONVERSION = Conversion(
    precision="int8",
    operators_before=291,
    operators_after=47,
    passes=(PassEffect("import", 291, 200), PassEffect("fuse_clamp", 44, 44), PassEffect("share", 5, 0)),
    float_nodes=(FloatNode("/head/a", "LSTM", "int8 weights, float state"),),
    bytes_before=200_000,
    bytes_after=50_000,
    method="mse",
    calibration_samples=256,
    warnings=("few samples",),
)
REPORT = AccuracyReport(
    metric="top1",
    samples=1000,
    candidate=ModelFacts("net.edge", "int8", 47, 50_000, "cd"),
    reference=ModelFacts("net.onnx", "fp32", 91, 200_000, "ab"),
    int8=0.785,
    fp32=0.8,
    agreement=0.97,
    outputs=(OutputFidelity("logits", 31.25, 1e-3, 0.5), OutputFidelity("aux", inf, 0.0, 0.0)),
    data="test.npz",
    conversion=CONVERSION,
    provenance={"model.sha256": "ab"},
)


@pytest.mark.parametrize(
    ("points", "words"), [(1.5, "lost 1.50 points"), (-0.142, "gained 0.14 points"), (-0.004, "lost nothing")]
)
def test_a_change_in_points_is_a_loss_a_gain_or_nothing(points: float, words: str) -> None:
    assert change_in_words(points) == words


def test_steps_that_changed_nothing_are_left_out() -> None:
    block = passes_block((PassEffect("import", 7, 0), PassEffect("fuse", 2, 2), PassEffect("turn", 3, 0)))
    assert isinstance(block, Table)
    assert [row[0] for row in block.rows] == ["fuse", "turn"]


def test_numbers_of_the_report() -> None:
    assert REPORT.drop == pytest.approx(0.015)
    assert REPORT.drop_points == pytest.approx(1.5)
    assert REPORT.worst is REPORT.outputs[0]
    assert REPORT.sqnr == 31.25
    assert not REPORT.exceeds(0.015)
    assert REPORT.exceeds(0.0149)


def test_without_reference_there_is_no_drop() -> None:
    alone = replace(REPORT, reference=None, fp32=None, outputs=(), agreement=None)
    assert (alone.drop, alone.drop_points, alone.worst, alone.sqnr) == (None, None, None, None)
    assert alone.exceeds(0.5)
    assert "top-1      78.50 %" in replace(alone, conversion=None).to_text()


TEXT = """\
Conversion
  precision    int8
  calibration  mse ranges from 256 samples
  operators    291 -> 47
  bytes        200,000 -> 50,000 (25.0 %)
  in float     1 operator, see below

What each step removed
  step        operators
  import           -200
  fuse_clamp        -44
  share               0  5 rewritten

Left in float
     operator  why                        nodes
  1  LSTM      int8 weights, float state  /head/a

Warnings
  few samples

Accuracy on 1,000 samples of test.npz
            fp32     int8         drop
  top-1  80.00 %  78.50 %  1.50 points
  agreement with fp32  97.00 % of samples

  output       SQNR  mean squared error  largest error
  logits    31.2 dB               0.001            0.5
  aux     identical                   0              0
  worst output: logits, 31.2 dB
"""


def test_text() -> None:
    assert REPORT.to_text() == TEXT


def test_markdown_says_the_same() -> None:
    markdown = REPORT.to_markdown()
    assert markdown.startswith("# net.edge: top-1 lost 1.50 points on 1,000 samples\n")
    for cells in (
        "| top-1 | 80.00 % | 78.50 % | 1.50 points |",
        "| operators | 291 -&gt; 47 |",
        "| logits | 31.2 dB |",
    ):
        assert cells in markdown
    assert "| model.sha256 | ab |" in markdown
    numbers = {word for word in TEXT.split() if any(char.isdigit() for char in word)}
    assert {number for number in numbers if number not in markdown} == set()


def test_json_says_the_same() -> None:
    found = json.loads(REPORT.to_json())
    assert (found["schema"], found["metric"], found["samples"]) == ("edgeconv/accuracy-report/1", "top1", 1000)
    assert (found["fp32"], found["int8"], found["agreement"]) == (0.8, 0.785, 0.97)
    assert found["drop_points"] == pytest.approx(1.5)
    assert found["sqnr_db"] == 31.25
    assert found["outputs"][1] == {
        "name": "aux", "sqnr_db": None, "identical": True, "mse": 0.0, "largest_error": 0.0
    }  # fmt: skip
    conversion = found["conversion"]
    assert conversion["operators"]["before"] == 291
    assert conversion["operators"]["passes"][1] == {"name": "fuse_clamp", "changed": 44, "removed": 44}
    assert conversion["bytes"] == {"before": 200_000, "after": 50_000}
    assert conversion["float_nodes"] == [{"name": "/head/a", "operator": "LSTM", "reason": "int8 weights, float state"}]
    assert found["candidate"]["bytes"] == 50_000
    assert found["stamp"] is None


def test_random_data_is_stamped_everywhere() -> None:
    report = replace(REPORT, is_random=True)
    stamp = "random data: not an accuracy claim"
    assert stamp in report.to_text()
    assert report.to_markdown().count(stamp) == 2
    assert json.loads(report.to_json())["stamp"] == stamp


def test_what_is_in_doubt_is_not_good() -> None:
    sure = replace(REPORT, int8=0.8)
    assert '<p class="verdict good">' in sure.to_html()
    page = replace(sure, warnings=("different preprocessing?",)).to_html()
    assert '<p class="verdict fair">' in page
    assert "top-1 lost nothing on 1,000 samples, in doubt: see the warning" in page
    assert '<p class="verdict bad">' in replace(REPORT, warnings=("different preprocessing?",)).to_html()


def test_json_has_neither_nan_nor_infinity() -> None:
    report = replace(REPORT, int8=nan, outputs=(OutputFidelity("y", nan, nan, inf),))
    assert json.loads(report.to_json())["int8"] is None


def test_conversion_alone() -> None:
    fp32 = Conversion("fp32", 10, 10, (), (), None, 1234)
    assert "in float" not in render.markdown(fp32)
    assert render.markdown(fp32, "net.edge").startswith("# net.edge: fp32, 1,234 bytes; accuracy not measured\n")
    assert json.loads(render.json(fp32))["bytes"] == {"before": None, "after": 1234}


def test_fidelity_without_labels() -> None:
    report = replace(REPORT, metric="sqnr", int8=31.25, fp32=None, agreement=None, conversion=None)
    assert report.drop is None
    assert "operators       91      47      44" in report.to_text()
    assert report.to_markdown().startswith("# net.edge: SQNR 31.2 dB on")
    assert replace(report, metric="mse", int8=1e-3).to_markdown().startswith("# net.edge: mean squared error 0.001 on")


def test_long_lists_of_nodes_are_cut() -> None:
    nodes = [FloatNode(f"n{i}", "Exp", "why") for i in range(11)]
    (block,) = float_blocks(nodes)
    assert isinstance(block, Table)
    assert block.rows[0][3].endswith("n7 and 3 more")
    (note,) = float_blocks([])
    assert isinstance(note, Note)


EVIL = "<script>|`x`|*b*_i_[l](http://e)\x1b[2J\nnew\u202e"


def test_markdown_escapes_names() -> None:
    found = escape(EVIL)
    assert "<" not in found
    assert "\n" not in found
    assert "\x1b" not in found
    for char in "|`*_[]":
        assert found.count(char) == found.count(f"\\{char}")
    assert "://" not in found.replace("\\://", "")


def test_control_characters_do_not_reach_a_terminal() -> None:
    document = (Section(EVIL, (Table((EVIL,), ((EVIL,),), "l"), Facts(((EVIL, EVIL),)), Note(EVIL, True))),)
    found = render_text(document)
    assert "\x1b" not in found
    assert "\u202e" not in found
    assert "\x1b" not in render_markdown(document, EVIL)
    assert printable("größe 5 µm") == "größe 5 µm"


def test_styles_are_the_callers_business() -> None:
    document = (Section("title", (Note("n", strong=True), Table(("h",), (("c",),), "l"))),)
    assert (
        render_text(document, lambda text, role: f"<{role}>{text}") == "<title>title\n  <strong>n\n\n  <header>h\n  c\n"
    )


def test_prose_fits_a_terminal_and_commands_stay_whole() -> None:
    prose, command = "of a word or more " * 12, "edgeconv convert --exclude " + "node " * 30
    lines = render_text((Section("title", (Note(prose), Note(command, code=True))),)).splitlines()
    assert [len(line) <= 80 for line in lines] == [True] * (len(lines) - 1) + [False]
    assert " ".join(line.strip() for line in lines[1:-1]) == prose.strip()
    assert lines[-1] == f"  {command.rstrip()}"


def test_tables_fit_a_terminal() -> None:
    table = Table(
        ("layer", "what it is", "harm", "range"),
        (("/blocks/blocks.3/first", "a convolution", "8.2 %", "-1.87 .. 4.57"), ("n0", "", "7.8 %", "0 .. 1")),
        "llrr",
    )
    document = (Section("title", (table, Facts((("one", "of several words"),)))),)
    whole = render_text(document)
    assert render_text(document, width=61) == whole
    assert max(map(len, whole.splitlines())) == 61
    assert render_text(document, width=48).splitlines() == [
        "title",
        "  layer        what it is    harm          range",
        "  /blocks/     a            8.2 %  -1.87 .. 4.57",
        "  blocks.3/    convolution",
        "  first",
        "  n0                        7.8 %         0 .. 1",
        "  one  of several words",
    ]
    assert render_text(document, width=36).splitlines()[1:] == [
        "  layer         what it is      harm",
        "  /blocks/      a convolution  8.2 %",
        "  blocks.3/",
        "  first",
        "  n0                           7.8 %",
        "  no room for: range; a wider",
        "  terminal shows them",
        "  one  of several words",
    ]


@pytest.mark.parametrize(("value", "expected"), [(inf, "identical"), (-inf, "-inf dB"), (nan, "not a number")])
def test_decibels(value: float, expected: str) -> None:
    assert decibels(value) == expected
