"""Shapes and rules compiled to SQL over columns."""

from holdfast.compile.dependencies import (
    ANY_TYPE,
    ANYTHING,
    Reads,
    group_of,
    meets,
    reads_of,
    template_ends,
    template_keys,
)
from holdfast.compile.kept import from_json, to_json
from holdfast.compile.owl import (
    Axiom,
    AxiomRule,
    Axioms,
    axiom_rules,
    construct_of,
    contradictions_sql,
    live,
    read_axioms,
    unfolded,
)
from holdfast.compile.patterns import Dataset
from holdfast.compile.plan import Plan, Refusal
from holdfast.compile.ruleplans import Template, compile_pattern, compile_query, compile_rule
from holdfast.compile.schema import SAME, schema_keys

__all__ = [
    "ANYTHING",
    "ANY_TYPE",
    "SAME",
    "Axiom",
    "AxiomRule",
    "Axioms",
    "Dataset",
    "Plan",
    "Reads",
    "Refusal",
    "Template",
    "axiom_rules",
    "compile_pattern",
    "compile_query",
    "compile_rule",
    "construct_of",
    "contradictions_sql",
    "from_json",
    "group_of",
    "live",
    "meets",
    "read_axioms",
    "reads_of",
    "schema_keys",
    "template_ends",
    "template_keys",
    "to_json",
    "unfolded",
]  # fmt: skip
