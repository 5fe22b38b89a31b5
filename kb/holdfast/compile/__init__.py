"""Shapes and rules compiled to SQL over columns."""

from holdfast.compile.dependencies import ANY_TYPE, ANYTHING, Reads, meets, reads_of, template_keys
from holdfast.compile.plan import Plan, Refusal
from holdfast.compile.ruleplans import Template, compile_pattern, compile_rule

__all__ = [
    "ANYTHING", "ANY_TYPE", "Plan", "Reads", "Refusal", "Template", "compile_pattern",
    "compile_rule", "meets", "reads_of", "template_keys",
]  # fmt: skip
