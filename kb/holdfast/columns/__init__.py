"""A dataset as columns in DuckDB: terms as integers, a table for each predicate."""

from holdfast.columns.asof import GIVEN, AsOf, check_time, project, retime
from holdfast.columns.scrutiny import broken_lists_in, check_terms, doubts_in, misread_in
from holdfast.columns.store import Columns
from holdfast.limits import Limits

__all__ = [
    "GIVEN",
    "AsOf",
    "Columns",
    "Limits",
    "broken_lists_in",
    "check_terms",
    "check_time",
    "doubts_in",
    "misread_in",
    "project",
    "retime",
]
