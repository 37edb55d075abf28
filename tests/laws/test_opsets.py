"""Every spelling since opset 7 of an ONNX operator that has an import rule is one that the rule accepts.

ONNX's own schemas are the list of spellings: for each version, its attributes with their defaults, and how many inputs
and outputs it may have.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

onnx = pytest.importorskip("onnx", reason="the rules are about ONNX")

from edgeconv.ops import load_all  # noqa: E402 (after the check)
from edgeconv.ops.onnx_rules import REFUSED, RULES, find_rule  # noqa: E402 (after the check)

OLDEST = 7
DECLINED = {
    ("", "Scan", 8): "opset 8 had another Scan, with sequence lengths, that no exporter of today writes",
}
"""(domain, operator, version) -> why there is no rule for it."""
OTHERWISE = {
    ("", "Clip", "min"): "no bound is written as infinity",
    ("", "Clip", "max"): "no bound is written as infinity",
    ("", "Dropout", "ratio"): "it has no meaning at inference",
    ("", "GridSample", "mode"): "opset 16 called bilinear what opset 20 calls linear; one rule takes both",
    ("ai.onnx.ml", "LabelEncoder", "default_string"): "strings are refused, whatever the default",
}
"""(domain, operator, attribute) -> why the rule's default differs from ONNX's."""
NEEDED = {"LinearRegressor", "SVMClassifier", "SVMRegressor", "TreeEnsembleClassifier", "TreeEnsembleRegressor"}
"""Operators whose schemas call attributes optional without which nothing can be computed."""


def _spellings() -> Iterator[tuple[Any, int]]:
    """(schema, an opset that it holds in): the first and the last one of each."""
    versions = defaultdict(list)
    for schema in onnx.defs.get_all_schemas_with_history():
        versions[schema.domain, schema.name].append(schema)
    for key, schemas in sorted(versions.items()):
        if key not in RULES or key in REFUSED:
            continue
        schemas.sort(key=lambda schema: schema.since_version)
        ends = [schema.since_version - 1 for schema in schemas[1:]] + [_newest(key[0])]
        for schema, end in zip(schemas, ends, strict=True):
            start = max(schema.since_version, OLDEST if not key[0] else 1)
            if end >= start and not schema.deprecated:
                yield from ((schema, opset) for opset in sorted({start, end}))


def _newest(domain: str) -> int:
    return max(schema.since_version for schema in onnx.defs.get_all_schemas() if schema.domain == domain)


load_all()
SPELLINGS = list(_spellings())
every_spelling = pytest.mark.parametrize(
    ("schema", "opset"),
    SPELLINGS,
    ids=[f"{schema.domain or 'onnx'}-{schema.name}-{opset}" for schema, opset in SPELLINGS],
)


@every_spelling
def test_the_rule_accepts_it(schema: Any, opset: int) -> None:
    rule = find_rule(schema.domain, schema.name, opset)
    if rule is None:
        assert (schema.domain, schema.name, schema.since_version) in DECLINED
        return
    parameters = inspect.signature(rule).parameters.values()
    kinds = {parameter.kind for parameter in parameters}
    names = {parameter.name for parameter in parameters}
    positional = [parameter for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        assert set(schema.attributes) <= names, "an attribute is not accepted"
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        assert schema.max_input <= len(positional), "an input is not accepted"
    assert sum(parameter.default is parameter.empty for parameter in positional) <= schema.min_input
    for parameter in parameters:
        is_needed = parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
        if is_needed and parameter.name not in ("elements", "label", "outputs") and schema.name not in NEEDED:
            assert schema.attributes[parameter.name].required, f"{parameter.name} may be absent"


@every_spelling
def test_absent_attributes_mean_what_onnx_says(schema: Any, opset: int) -> None:
    rule = find_rule(schema.domain, schema.name, opset)
    if rule is None:
        pytest.skip("there is no rule for it")
    parameters = inspect.signature(rule).parameters
    for name, attribute in schema.attributes.items():
        if (
            name not in parameters
            or not attribute.default_value.type
            or (schema.domain, schema.name, name) in OTHERWISE
        ):
            continue
        wanted, found = _plain(onnx.helper.get_attribute_value(attribute.default_value)), parameters[name].default
        assert found is not inspect.Parameter.empty
        assert _plain(found) == (pytest.approx(wanted) if isinstance(wanted, float) else wanted), name


def _plain(value: Any) -> Any:
    """Bytes as text, and lists as tuples."""
    if isinstance(value, bytes):
        return value.decode()
    return tuple(_plain(item) for item in value) if isinstance(value, (list, tuple)) else value


def test_no_operator_has_two_rules_for_one_opset() -> None:
    load_all()
    doubled = {key for key, rules in RULES.items() if len({since for since, _ in rules}) < len(rules)}
    assert not doubled
