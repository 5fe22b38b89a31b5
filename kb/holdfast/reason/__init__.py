"""Rules run over columns, lower strata first, until nothing new follows."""

from holdfast.reason.entailment import Inconsistency, entail, reason, sentences_for
from holdfast.reason.fixpoint import Reasoner, compile_all
from holdfast.reason.standings import standings_of
from holdfast.reason.strata import Stratum, strata_of

__all__ = [
    "Inconsistency", "Reasoner", "Stratum", "compile_all", "entail", "reason", "sentences_for",
    "standings_of", "strata_of",
]  # fmt: skip
