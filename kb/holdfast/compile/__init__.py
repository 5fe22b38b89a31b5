"""Shapes and rules compiled to SQL over columns."""

from holdfast.compile.dependencies import (
    ANY_TYPE,
    ANYTHING,
    Reads,
    group_of,
    meets,
    reads_of,
    template_keys,
)
from holdfast.compile.kept import from_json, to_json
from holdfast.compile.plan import Plan, Refusal
from holdfast.compile.ruleplans import Template, compile_pattern, compile_rule

__all__ = [
    "ANYTHING", "ANY_TYPE", "Plan", "Reads", "Refusal", "Template", "compile_pattern",
    "compile_rule", "from_json", "group_of", "meets", "reads_of", "template_keys", "to_json",
]  # fmt: skip
