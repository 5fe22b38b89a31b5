"""A dataset as columns in DuckDB: terms as integers, a table for each predicate."""

from holdfast.columns.asof import AsOf, project, retime
from holdfast.columns.scrutiny import check_terms, doubts_in, misread_in
from holdfast.columns.store import Columns
from holdfast.limits import Limits

__all__ = [
    "AsOf",
    "Columns",
    "Limits",
    "check_terms",
    "doubts_in",
    "misread_in",
    "project",
    "retime",
]
