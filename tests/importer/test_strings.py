"""Inputs that are strings: numbers of categories on the device; strings as well, where Python calls."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from edgeconv.core import Array
from edgeconv.errors import DataError, UnsupportedModelError
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.passes import simplify
from edgeconv.runtime import Interpreter
from edgeconv.runtime.strings import StringType
from tests.harness import data, reference_outputs
from tests.importer.models import model_from

HEADER = '<ir_version: 8, opset_import: ["" : 15, "ai.onnx.ml" : 3, "com.microsoft" : 1]>\n'
SEX = np.array([["male"], ["female"], ["other"], ["male"]], object)
TOWN = np.array([["Q"], ["C"], ["S"], ["female"]], object)
AGE = data(4, 1)
PIPELINES = {
    "one-hot columns": """{
        a = ai.onnx.ml.OneHotEncoder <cats_strings = ["female", "male"], zeros = 1> (sex)
        b = ai.onnx.ml.OneHotEncoder <cats_strings = ["C", "Q", "S"], zeros = 1> (town)
        c = Concat <axis = -1> (a, b)  d = Reshape (c, rows)  y = Concat <axis = 1> (age, d) }""",
    "ordinal columns": """{
        a = ai.onnx.ml.LabelEncoder <keys_strings = ["female", "male"], values_int64s = [3, 5]> (sex)
        b = ai.onnx.ml.LabelEncoder <keys_strings = ["C", "Q"], values_floats = [0.5, -2.0], default_float = 9.0> (town)
        c = Cast <to = 1> (a)  y = Concat <axis = 1> (age, c, b) }""",
    "columns that meet before their encoders": """{
        both = Concat <axis = 1> (sex, town)  a = ai.onnx.ml.ArrayFeatureExtractor (both, first)
        b = ai.onnx.ml.ArrayFeatureExtractor (both, second)
        c = ai.onnx.ml.OneHotEncoder <cats_strings = ["male", "female"], zeros = 1> (a)
        d = ai.onnx.ml.OneHotEncoder <cats_strings = ["C", "Q", "female"], zeros = 1> (b)
        e = Concat <axis = -1> (c, d)  f = Reshape (e, rows)  y = Concat <axis = 1> (age, f) }""",
    "words to numbers": """{
        a = ai.onnx.ml.CategoryMapper <cats_strings = ["female", "male"], cats_int64s = [4, 1], default_int64 = 7> (sex)
        b = ai.onnx.ml.CategoryMapper <cats_strings = ["Q", "C"], cats_int64s = [0, 1]> (town)
        both = Concat <axis = 1> (a, b)  c = Cast <to = 1> (both)  y = Concat <axis = 1> (age, c) }""",
    "counts of words": """{
        both = Concat <axis = 1> (sex, town)  c = TfIdfVectorizer <mode = "TF", min_gram_length = 1,
            max_gram_length = 2, max_skip_count = 0, ngram_counts = [0, 2], ngram_indexes = [2, 0, 1],
            pool_strings = ["male", "female", "male", "Q"]> (both)  y = Concat <axis = 1> (age, c) }""",
}


def _text(body: str) -> str:
    constants = "int64[2] rows = {-1, 5}, int64[1] first = {0}, int64[1] second = {1}"
    return f"agraph (string[N,1] sex, string[N,1] town, float[N,1] age) => (float[N,M] y) <{constants}> {body}"


def _feeds() -> dict[str, Array]:
    return {"sex": SEX, "town": TOWN, "age": AGE}


@pytest.mark.parametrize("name", PIPELINES)
def test_strings_or_their_numbers_give_what_onnx_runtime_gives(name: str) -> None:
    model = model_from(_text(PIPELINES[name]), HEADER)
    (want,) = reference_outputs(model, _feeds(), "onnxruntime")
    interpreter = Interpreter(to_bytes(to_program(simplify(load_onnx(model)))))
    np.testing.assert_allclose(interpreter.run(None, _feeds())[0], want, rtol=1e-6)
    plain = {"sex": SEX.astype(str), "town": TOWN.astype(str), "age": AGE}
    np.testing.assert_allclose(interpreter.run(None, plain)[0], want, rtol=1e-6)
    tables = {key: interpreter.program.metadata[f"strings.{key}"].split("\x1f") for key in ("sex", "town")}
    numbers = {
        key: np.array([table.index(each) if each in table else -1 for each in _feeds()[key][:, 0]], np.int64)[:, None]
        for key, table in tables.items()
    }
    np.testing.assert_allclose(interpreter.run(None, {**numbers, "age": AGE})[0], want, rtol=1e-6)


def test_the_notes_say_the_numbers() -> None:
    graph = load_onnx(model_from(_text(PIPELINES["one-hot columns"]), HEADER))
    assert graph.types["sex"].dtype == "int64"
    assert graph.notes == (
        "the input 'sex' takes numbers for strings, or the strings in Python: 0 'female', 1 'male'; -1 for any other",
        "the input 'town' takes numbers for strings, or the strings in Python: 0 'C', 1 'Q', 2 'S'; -1 for any other",
    )


def test_strings_for_numbers_are_refused() -> None:
    model = model_from(_text(PIPELINES["one-hot columns"]), HEADER)
    interpreter = Interpreter(to_program(load_onnx(model)))
    with pytest.raises(DataError, match="input 'age' is object"):
        interpreter.run(None, {"sex": SEX, "town": TOWN, "age": SEX})


_WORDS = "{{ w = com.microsoft.Tokenizer <{}> (sex)  y = Identity (age) }}"
REFUSED = {
    "text": ('{ n = StringNormalizer <case_change_action = "LOWER"> (sex)  y = Length (n) }', "StringNormalizer"),
    "numbers to strings and back": (
        """{ a = ai.onnx.ml.LabelEncoder <keys_strings = ["male"], values_strings = ["m"]> (sex)
             y = ai.onnx.ml.OneHotEncoder <cats_strings = ["m"]> (a) }""",
        "its categories are strings",
    ),
    "words between separators": (
        _WORDS.format('separators = [" "]'),
        "it parts text by 'separators'; words are found by",
    ),
    "words found in more than one way": (
        _WORDS.format('tokenexp = "(a+)+b"'),
        "it parts text by .*; words are found by",
    ),
    "words with marks": (_WORDS.format('tokenexp = "[a-z]+", mark = 1'), "without marks"),
    "words of several columns": (
        """{ both = Concat <axis = 1> (sex, town)  w = com.microsoft.Tokenizer <tokenexp = "[a-z]+"> (both)
             y = Length (w) }""",
        "Tokenizer .*: it reads strings",
    ),
    "text and its words": (
        """{ w = com.microsoft.Tokenizer <tokenexp = "[a-z]+"> (sex)
             y = ai.onnx.ml.OneHotEncoder <cats_strings = ["m"]> (sex) }""",
        "it reads a text beside the Tokenizer",
    ),
    "compared": ("{ e = Equal (sex, town)  y = Cast <to = 1> (e) }", "it reads strings; the device has no strings"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_uses_are_refused_with_a_way_on(name: str) -> None:
    body, message = REFUSED[name]
    with pytest.raises(UnsupportedModelError, match=message):
        load_onnx(model_from(_text(body), HEADER))


def test_strings_that_are_no_text() -> None:
    model = model_from(_text('{ y = ai.onnx.ml.OneHotEncoder <cats_strings = ["male"]> (sex) }'), HEADER)
    damaged = onnx.load_from_string(model.SerializeToString().replace(b"male", b"\xff\xfeal"))
    assert load_onnx(damaged).notes


def test_labels_of_opset_1_are_the_numbers_of_their_names() -> None:
    text = """agraph (int64[N] x) => (string[N] y) {
        y = ai.onnx.ml.LabelEncoder <classes_strings = ["ash", "oak"]> (x) }"""
    graph = load_onnx(model_from(text, '<ir_version: 8, opset_import: ["" : 15, "ai.onnx.ml" : 1]>\n'))
    assert "0 'ash', 1 'oak'" in graph.notes[0]
    np.testing.assert_array_equal(Interpreter(to_program(graph))(np.int64([1, 0])), [1, 0])


def test_names_of_labels_of_opset_1_are_their_places() -> None:
    text = """agraph (string[N] x) => (int64[N] y) {
        y = ai.onnx.ml.LabelEncoder <classes_strings = ["ash", "oak"], default_int64 = 9> (x) }"""
    graph = load_onnx(model_from(text, '<ir_version: 8, opset_import: ["" : 15, "ai.onnx.ml" : 1]>\n'))
    found = Interpreter(to_program(graph)).run(None, {"x": np.array(["oak", "elm", "ash"], object)})[0]
    np.testing.assert_array_equal(found, [1, 9, 0])


def test_numbers_become_the_places_of_their_names() -> None:
    text = """agraph (int64[N] x) => (string[N] y) { y = ai.onnx.ml.CategoryMapper
        <cats_strings = ["ash", "oak"], cats_int64s = [30, 10], default_string = "?"> (x) }"""
    graph = load_onnx(model_from(text, HEADER))
    assert "0 'ash', 1 'oak', 2 '?'" in graph.notes[0]
    np.testing.assert_array_equal(Interpreter(to_program(graph))(np.int64([10, 30, 5])), [1, 0, 2])


@pytest.mark.parametrize("words", ["LOWER", "LOWER\x1f1\x1f(a+)+b", "LOWER\x1f-1\x1f[a-z]+", "\x1f\x1f"])
def test_a_file_with_other_expressions_is_refused_when_it_reads_text(words: str) -> None:
    known = StringType("int64", ("N", "words"), table="a\x1fb", words=words)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"the file parts text into words by .*; convert it again"):
        known.numbered(np.array(["a b"]))


def test_words_are_padded_to_the_longest_text() -> None:
    known = StringType("int64", (), table="a\x1fbb", words="NONE\x1f2\x1f\\b\\w+\\b")
    found = known.numbered(np.array([["bb a bb"], [""], ["c bb ü"]]))
    np.testing.assert_array_equal(found, [[[1, 1]], [[-1, -1]], [[1, -1]]])
    np.testing.assert_array_equal(known.numbered(np.array([b"bb"])), [[1]])
    assert known.numbered(np.array([], "U1")).shape == (0, 1)


def test_many_names_take_no_time_and_a_short_note() -> None:
    keys = ", ".join(f'"name {number}"' for number in range(20_000))
    values = ", ".join(map(str, range(20_000)))
    text = f"""agraph (string[N] x) => (int64[N] y) {{
        y = ai.onnx.ml.LabelEncoder <keys_strings = [{keys}], values_int64s = [{values}]> (x) }}"""
    graph = load_onnx(model_from(text, HEADER))
    assert len(graph.notes[0]) < 10_000
    found = Interpreter(to_program(graph)).run(None, {"x": np.array(["name 19999", "name"])})[0]
    np.testing.assert_array_equal(found, [19_999, -1])
