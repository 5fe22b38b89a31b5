"""SPARQL text read into algebra (SPARQL 1.1 §18.2).

rdflib parses; the translation is ours, because rdflib's own loses FILTERs that are constant, takes
the FILTER of a group within OPTIONAL for that of OPTIONAL, samples what it may not project, and
lets pass what the grammar's notes forbid.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import count
from threading import RLock
from typing import Any

import pyoxigraph as ox
import rdflib
from pyparsing import ParseException, ParseResults, Suppress
from rdflib import BNode, Literal, URIRef, Variable
from rdflib.paths import AlternativePath, InvPath, MulPath, NegatedPath, SequencePath
from rdflib.plugins.sparql import parser
from rdflib.plugins.sparql.algebra import (
    translatePName,
    translatePrologue,
    translateUpdate,
    traverse,
)
from rdflib.plugins.sparql.operators import simplify
from rdflib.plugins.sparql.parserutils import CompValue, Expr, Param
from rdflib.term import Identifier


class _AsWritten:
    """While it holds, rdflib leaves literals as they are spelt: 1.2e4 is not made 12000.0."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._noise = logging.getLogger("rdflib.term")
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._lock.acquire()
        self._before.append((self._noise.disabled, rdflib.NORMALIZE_LITERALS))
        self._noise.disabled = True  # an ill-typed literal is SPARQL's own business
        rdflib.NORMALIZE_LITERALS = False

    def __exit__(self, *_: object) -> None:
        self._noise.disabled, rdflib.NORMALIZE_LITERALS = self._before.pop()
        self._lock.release()


_as_written = _AsWritten()


def term_of(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> Identifier:
    """A parsed term, its lexical form kept as it is spelt."""
    if isinstance(term, ox.NamedNode):
        return URIRef(term.value)
    if isinstance(term, ox.BlankNode):
        return BNode(term.value)
    assert isinstance(term, ox.Literal)
    if term.language:
        return Literal(term.value, lang=term.language)
    with _as_written:
        return Literal(term.value, datatype=URIRef(term.datatype.value))


class QuerySyntaxError(Exception):
    """A query that is not SPARQL 1.1; `line` and `column` count from 1 within the query."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        self.reason = reason
        self.line = line
        self.column = column
        super().__init__(reason)


class _Fault(Exception):
    """What a query may not say though its grammar lets it pass."""


def read_query(text: str, prefixes: Mapping[str, str], base: str = "") -> CompValue:
    """The algebra of a SPARQL 1.1 query; nobody may change it. Raises QuerySyntaxError.

    Its `name` is that of the form (SelectQuery, AskQuery, ConstructQuery, DescribeQuery); `p` is
    the pattern, `PV` the variables that are given, `template` the triples of a CONSTRUCT, `var`
    what is described, `datasetClause` the graphs of FROM.
    """
    return _read(text, tuple(sorted(prefixes.items())), base)


@lru_cache(maxsize=1024)  # parsing takes 15 ms, and checking, ordering and compiling all read
def _read(text: str, prefixes: tuple[tuple[str, str], ...], base: str) -> CompValue:
    if half := re.search(r"\\u[dD][89a-fA-F]|\\U0000[dD][89a-fA-F]", text):
        raise QuerySyntaxError(f"'{half[0]}' is half a character", *_at(text, half.start()))
    _dig_deep()
    told = parser.expandUnicodeEscapes(_without_comments(text))
    try:
        with _as_written:
            parsed = _grammar().parse_string(told, parse_all=True)
    except ParseException as error:
        found = told[error.loc :].split()
        reason = f"'{found[0]}' does not belong here" if found else "the query ends too early"
        raise QuerySyntaxError(reason, error.lineno, error.column) from None
    except RecursionError:
        raise QuerySyntaxError("the query is nested too deeply", 1, 1) from None
    try:
        with _as_written:
            return _query(parsed, dict(prefixes), base)
    except Exception as error:  # rdflib raises bare Exception for prefixes and scopes
        if not isinstance(error, _Fault) and type(error) is not Exception:
            raise
        raise QuerySyntaxError(str(error).strip(), *_place(text, str(error))) from None


_DEPTH = 6000
"""Calls within calls, as reading and compiling take for what is nested a hundred deep. More would
come near the end of a thread's stack, which is 8 MB as a rule."""


def _dig_deep() -> None:
    """Let what is nested be followed as far as is safe; what goes deeper is a RecursionError."""
    sys.setrecursionlimit(max(_DEPTH, sys.getrecursionlimit()))


def _place(text: str, reason: str) -> tuple[int, int]:
    """Where the variable, blank node or prefix that a fault names last stands in the query."""
    for word in reversed(reason.split()):
        name = word.strip("',.;")
        at = text.rfind(name) if name[:1] in ("?", "_") or name.endswith(":") else -1
        if at >= 0:
            return _at(text, at)
    return 1, 1


def _at(text: str, at: int) -> tuple[int, int]:
    before = text[:at]
    return before.count("\n") + 1, at - before.rfind("\n")


@lru_cache(maxsize=1)
def _grammar() -> Any:
    """rdflib's grammar of a query, mended.

    The predicate of an inverse in a negated property set is kept; a negative number is read as it
    is spelt, for rdflib fails on a negative decimal of which it has no value; and no comments are
    looked for, which takes half of the time: `_without_comments` does.
    """
    copies: dict[int, Any] = {}
    grammar = deepcopy(parser.Query, copies)
    inverse = copies[id(parser.PathOneInPropertySet)].exprs[-1]
    inverse.expr = Suppress("^") + Param("part", parser.iri | parser.A)
    for number in ("INTEGER_NEGATIVE", "DECIMAL_NEGATIVE", "DOUBLE_NEGATIVE"):
        copies[id(getattr(parser, number))].set_parse_action(
            lambda found: Literal(f"-{found[0]}", datatype=found[0].datatype)
        )
    seen: set[int] = set()
    queue: list[Any] = [grammar]
    while queue:
        part = queue.pop()
        if part is not None and id(part) not in seen:
            seen.add(id(part))
            part.ignoreExprs = []
            queue += [*(getattr(part, "exprs", None) or ()), getattr(part, "expr", None)]
    return grammar


_STRING = r"""\"{3}(?:\\.|(?!\"{3}).)*\"{3}|'{3}(?:\\.|(?!'{3}).)*'{3}"""
_STRING += r"""|"(?:\\.|[^"\\\n\r])*"|'(?:\\.|[^'\\\n\r])*'"""
_COMMENT = re.compile(rf"({_STRING}|<[^<>\"{{}}|^`\\\x00-\x20]*>)|#[^\n\r]*", re.DOTALL)


_TRIPLE = re.compile(
    rf"({_STRING}|<[^<>\"{{}}|^`\\\x00-\x20]*>|#[^\n\r]*)|(?<![\w:?$])TRIPLE\s*\(", re.DOTALL
)


def with_triple_terms(text: str) -> str:
    """A query whose TRIPLE(…), which is SPARQL 1.2, is the call of a function with an IRI."""
    if "TRIPLE" not in text:
        return text
    return _TRIPLE.sub(lambda found: found[1] or f"<{TRIPLE_TERM}>(", text)


TRIPLE_TERM = "http://www.w3.org/ns/sparql#triple"
"""The function that makes a triple term of subject, predicate and object."""


def _without_comments(text: str) -> str:
    """A query with blanks where its comments were, so that all else keeps its place."""
    if "#" not in text:
        return text
    return _COMMENT.sub(lambda found: found[1] or " " * len(found[0]), text)


# -- the query forms (§18.2.4, §18.2.5) ------------------------------------------------------------


def _query(parsed: Any, prefixes: dict[str, str], base: str) -> CompValue:
    prologue = translatePrologue(parsed[0], base, prefixes)
    tree = traverse(parsed[1], visitPost=partial(translatePName, prologue=prologue))
    tree = traverse(tree, visitPost=_path)
    labels: dict[BNode, BNode] = {}

    def plain(node: Any) -> Any:
        if isinstance(node, Expr):
            if node.name in ("Builtin_IRI", "Builtin_URI"):
                node["base"] = str(prologue.base or "")
            return simplify(node)
        if isinstance(node, BNode):  # the same name in every reading
            return labels.setdefault(node, BNode(f"b{len(labels)}"))
        return None

    tree = traverse(tree, visitPost=plain)
    translation = _Translation()
    form = tree.name
    result = CompValue(form, datasetClause=tree.datasetClause or [])
    result["base"] = str(prologue.base or "")
    if form == "DescribeQuery" and tree.where is None:
        result["p"], result["PV"] = CompValue("BGP", triples=[]), []
    elif form == "SelectQuery":
        result["p"], result["PV"] = translation.select(tree)
    else:
        whole = CompValue("SelectQuery", **{key: tree[key] for key in tree if key != "template"})
        for key in ("projection", "modifier"):
            whole.pop(key, None)
        whole["starred"] = False
        result["p"], result["PV"] = translation.select(whole)
    if form == "ConstructQuery":
        result["template"] = (
            _triples(tree.template) if "template" in tree and tree.template is not None
            else [] if "template" in tree or not tree.where.part
            else _triples(tree.where.part[0].triples)
        )  # fmt: skip
    if form == "DescribeQuery":
        wanted = tree.var if isinstance(tree.var, (list, ParseResults)) else [tree.var]
        every = any(str(term) == "*" and not isinstance(term, Variable) for term in wanted)
        result["var"] = result["PV"] if every or wanted == [None] else list(wanted)
    return result


def read_update(text: str, prefixes: Mapping[str, str]) -> CompValue:
    """The algebra of one DELETE … INSERT … WHERE; nobody may change it.

    It has `delete` and `insert`, each with `triples` or None, and `where`. Raises QuerySyntaxError
    for any other update, and for one that names graphs or reaches out.
    """
    return _read_update(text, tuple(sorted(prefixes.items())))


@lru_cache(maxsize=256)  # each finding of a rule fills in the same suggestions
def _read_update(text: str, prefixes: tuple[tuple[str, str], ...]) -> CompValue:
    listed = _updates(text, dict(prefixes))
    if len(listed) != 1:
        raise QuerySyntaxError(f"it holds {len(listed)} updates", 1, 1)
    if listed[0].name != "Modify":
        raise QuerySyntaxError("it is not a DELETE or INSERT with WHERE", 1, 1)
    if listed[0].withClause or listed[0].using:
        raise QuerySyntaxError("WITH and USING name graphs", 1, 1)
    algebra: CompValue = listed[0]
    for part in (algebra.delete, algebra.insert):
        if part and part.quads:
            raise QuerySyntaxError("GRAPH names a graph", 1, 1)
    outside = _kinds_in(algebra.where) & {"ServiceGraphPattern", "Graph"}
    if outside:
        raise QuerySyntaxError("SERVICE and GRAPH are not allowed in a change", 1, 1)
    if not _FORM.match(text):
        raise QuerySyntaxError("its parts are not in the usual order", 1, 1)
    return algebra


@dataclass(frozen=True)
class Operation:
    """One operation of an update: what it deletes and inserts for each solution of `where`.

    The templates are quads of terms, the graph None where none is named; `where` is the text of a
    SELECT for the variables of both, or None where there is nothing to ask.
    """

    delete: tuple[tuple[Any, Any, Any, Any], ...]
    insert: tuple[tuple[Any, Any, Any, Any], ...]
    where: str | None


def read_operations(text: str, prefixes: Mapping[str, str]) -> list[Operation]:
    """The operations of a SPARQL 1.1 Update, in their order. Raises QuerySyntaxError.

    INSERT DATA, DELETE DATA, DELETE WHERE and DELETE/INSERT … WHERE are read; what loads, clears
    or copies graphs, and WITH and USING, are refused.
    """
    declared = "".join(f"PREFIX {name}: <{iri}>\n" for name, iri in prefixes.items())
    text = _without_comments(text)
    listed = _updates(text, prefixes)
    found: list[Operation] = []
    for part, (prologue, groups) in zip(listed, _operations(text), strict=True):
        place = 1, 1
        if part.name not in ("InsertData", "DeleteData", "DeleteWhere", "Modify"):
            raise QuerySyntaxError(f"{part.name.upper()} is not a change of facts", *place)
        if part.name == "Modify" and (part.withClause or part.using):
            raise QuerySyntaxError("WITH and USING name graphs", *place)
        if part.name == "Modify":
            delete, insert = _quads(part.delete), _quads(part.insert)
        else:
            given = _quads(part)
            insert = given if part.name == "InsertData" else ()
            delete = () if part.name == "InsertData" else given
        _check_templates(part.name, delete, insert, text)
        where = None
        if part.name in ("DeleteWhere", "Modify"):
            names = sorted({str(t) for q in (*delete, *insert) for t in q if _is_variable(t)})
            chosen = " ".join(f"?{name}" for name in names) or "(1 AS ?one)"
            where = f"{declared}{prologue}\nSELECT DISTINCT {chosen} WHERE {groups[-1]}"
        found.append(Operation(delete, insert, where))
    if not found:
        raise QuerySyntaxError("it holds no operation", 1, 1)
    return found


def _check_templates(
    name: str, delete: Iterable[tuple[Any, ...]], insert: Iterable[tuple[Any, ...]], text: str
) -> None:
    """Raise QuerySyntaxError for what the grammar of rdflib lets pass and would do nothing.

    DATA has no variables, and what is deleted no blank nodes (SPARQL 1.1, grammar notes 8 and 10).
    """
    if name in ("InsertData", "DeleteData"):
        for variable in (t for quad in (*delete, *insert) for t in quad if _is_variable(t)):
            reason = f"{variable.n3()} is a variable, and DATA has none"
            raise QuerySyntaxError(reason, *_place(text, variable.n3()))
    if any(isinstance(term, BNode) for quad in delete for term in quad):
        raise QuerySyntaxError("a blank node cannot be deleted by its name", 1, 1)


def read_any_update(text: str) -> list[CompValue]:
    """The algebra of each operation of any SPARQL 1.1 Update, as rdflib has it.

    Literals stay as they are spelt. Raises QuerySyntaxError.
    """
    return _updates(text, {})


def _updates(text: str, prefixes: Mapping[str, str]) -> list[CompValue]:
    _dig_deep()
    try:
        with _as_written:
            made = translateUpdate(parser.parseUpdate(text), initNs=dict(prefixes))
            return list(made.algebra) if made else []  # rdflib has a bare list for none
    except ParseException as error:
        raise QuerySyntaxError("it is not SPARQL 1.1 Update", error.lineno, error.column) from None
    except RecursionError:
        raise QuerySyntaxError("it is nested too deeply", 1, 1) from None
    except Exception as error:  # rdflib raises bare Exception for prefixes and scopes
        raise QuerySyntaxError(str(error).strip(), 1, 1) from None


def _is_variable(term: Any) -> bool:
    return isinstance(term, Variable)


def _quads(part: CompValue | None) -> tuple[tuple[Any, Any, Any, Any], ...]:
    if part is None:
        return ()
    named = part.quads or {}
    return (
        *((s, p, o, None) for s, p, o in part.triples or ()),
        *((s, p, o, graph) for graph, triples in named.items() for s, p, o in triples),
    )


_SKIPPED = re.compile(
    r"<[^<>\"{}|^`\\\s]*>|\"\"\".*?\"\"\"|'''.*?'''"
    r"|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|#[^\n]*",
    re.DOTALL,
)
_PROLOGUE = re.compile(
    r"(?:\s*(?:#[^\n]*\n)?(?:BASE\s*<[^>]*>|PREFIX\s+[^:\s]*:\s*<[^>]*>))+", re.I
)


def _operations(text: str) -> Iterator[tuple[str, list[str]]]:
    """For each operation of an update the declarations before it, and its groups in braces."""
    declared = ""
    groups: list[str] = []
    depth = start = begin = at = 0
    while at <= len(text):
        skipped = _SKIPPED.match(text, at)
        if skipped:
            at = skipped.end()
            continue
        sign = text[at : at + 1]
        if sign == "{":
            start = at if depth == 0 else start
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth == 0:
                groups.append(text[start : at + 1])
        elif sign in (";", "") and depth == 0:
            prologue = _PROLOGUE.match(text, begin)
            declared += prologue[0] if prologue else ""
            if text[prologue.end() if prologue else begin : at].strip():
                yield declared, groups
            groups, begin = [], at + 1
        at += 1


_FORM = re.compile(
    r"\s*(?:DELETE\s*\{[^{}]*\}\s*)?(?:INSERT\s*\{[^{}]*\}\s*)?WHERE\s*(?=\{)", re.IGNORECASE
)


def pattern_of(update: str) -> str:
    """The text of the WHERE of an update that `read_update` takes, its braces included."""
    found = _FORM.match(update)
    return update[found.end() :] if found else ""


def _kinds_in(node: Any) -> set[str]:
    if isinstance(node, CompValue):
        return {node.name} | {kind for _, value in members(node) for kind in _kinds_in(value)}
    if isinstance(node, (list, tuple, set, frozenset)):
        return {kind for value in node for kind in _kinds_in(value)}
    return set()


def _path(node: Any) -> Any:
    """A property path of the parse as one of rdflib's path objects."""
    if not isinstance(node, CompValue):
        return None
    if node.name in ("PathAlternative", "PathSequence"):
        if len(node.part) == 1:
            return node.part[0]
        kind = AlternativePath if node.name == "PathAlternative" else SequencePath
        return kind(*node.part)
    if node.name == "InversePath":
        return InvPath(node.part)
    if node.name == "PathElt":
        part = node.part[0] if isinstance(node.part, (list, ParseResults)) else node.part
        return MulPath(part, node.mod) if node.mod else part
    if node.name == "PathEltOrInverse":
        return InvPath(node.part[0] if isinstance(node.part, (list, ParseResults)) else node.part)
    if node.name == "PathNegatedPropertySet":
        parts = node.part if isinstance(node.part, (list, ParseResults)) else [node.part]
        return _negated([part for part in parts if part is not None])
    return None


def _negated(parts: Sequence[Any]) -> NegatedPath:
    path = NegatedPath(parts[0]) if len(parts) == 1 else NegatedPath(AlternativePath())
    path.args = list(parts)
    return path


def _triples(listed: Any) -> list[tuple[Any, Any, Any]]:
    flat = [term for block in listed or [] for term in block]
    return [tuple(flat[n : n + 3]) for n in range(0, len(flat), 3)]


_AGGREGATE = "Aggregate_"
_TRUE = CompValue("TrueFilter")


class _Translation:
    """The translating of one query; counts the names that it makes up."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._blank: dict[str, int] = {}
        self._blocks = count(1)

    # -- solution modifiers

    def select(self, tree: CompValue) -> tuple[CompValue, list[Variable]]:
        pattern = self.group(tree.where)
        visible = in_scope(pattern)
        chosen = [
            CompValue("vars", expr=item.expr, name_=item.evar or item.var, plain=item.evar is None)
            for item in tree.projection or []
        ]
        starred = not chosen
        orders = list(tree.orderby.condition) if tree.orderby else []
        havings = list(tree.having.condition) if tree.having else []
        conditions = list(tree.groupby.condition) if tree.groupby else []
        grouped = bool(conditions or havings) or any(
            _aggregates(part) for part in [*(item.expr for item in chosen), *orders]
        )
        aliases: list[Variable] = []
        for item in chosen:
            if not item.plain:
                if item.name_ in aliases or (str(item.name_) in visible and not grouped):
                    raise _Fault(f"the variable is bound already: ?{item.name_}")
                aliases.append(item.name_)
        if grouped:
            if starred and tree.starred is not False:
                raise _Fault("SELECT * cannot be used with GROUP BY, HAVING or aggregates")
            pattern, chosen, orders, havings = self._grouped(
                pattern, conditions, chosen, orders, havings
            )
        for having in havings:
            pattern = CompValue("Filter", expr=self._expression(having), p=pattern)
        if tree.valuesClause:
            pattern = _join(pattern, CompValue("ToMultiSet", p=_values(tree.valuesClause)))
        names: list[Variable] = []
        for item in chosen:
            if not item.plain:
                pattern = CompValue(
                    "Extend", p=pattern, expr=self._expression(item.expr), var=item.name_
                )
            if item.name_ not in names:
                names.append(item.name_)
        if starred:
            names = [Variable(name) for name in in_scope(pattern)]
        if orders:
            listed = [
                CompValue(
                    "OrderCondition",
                    expr=self._expression(
                        part.expr if getattr(part, "name", "") == "OrderCondition" else part
                    ),
                    order=str(part.order or "ASC"),
                )
                for part in orders
            ]
            pattern = CompValue("OrderBy", p=pattern, expr=listed)
        pattern = CompValue("Project", p=pattern, PV=names)
        if tree.modifier in ("DISTINCT", "REDUCED"):
            pattern = CompValue(str(tree.modifier).capitalize(), p=pattern)
        if tree.limitoffset:
            start, length = tree.limitoffset.offset, tree.limitoffset.limit
            pattern = CompValue(
                "Slice", p=pattern, start=int(start) if start is not None else 0,
                length=int(length) if length is not None else None,
            )  # fmt: skip
        return pattern, names

    def _grouped(
        self,
        pattern: CompValue,
        conditions: list[Any],
        chosen: list[CompValue],
        orders: list[Any],
        havings: list[Any],
    ) -> tuple[CompValue, list[CompValue], list[Any], list[Any]]:
        """Grouping and aggregates (§18.2.4.1)."""
        keys: list[Variable] = []
        for part in conditions:
            name, expression = None, part
            if isinstance(part, CompValue) and part.name == "GroupAs":
                name, expression = part.var, part.expr
            if name is None and isinstance(expression, Variable):
                keys.append(expression)
                continue
            name = name if name is not None else Variable(f"__key_{next(self._numbers)}__")
            if str(name) in in_scope(pattern):
                raise _Fault(f"the variable is bound already: ?{name}")
            pattern = CompValue("Extend", p=pattern, expr=self._expression(expression), var=name)
            keys.append(name)
        found: list[CompValue] = []
        known: list[Variable] = [*keys]

        def replaced(node: Any, strict: bool) -> Any:
            if isinstance(node, Variable):
                if node in known or not strict:
                    return node
                raise _Fault(f"the variable is neither grouped nor aggregated: ?{node}")
            if isinstance(node, CompValue):
                if node.name.startswith(_AGGREGATE):
                    if any(_aggregates(value) for _, value in members(node)):
                        raise _Fault("an aggregate within an aggregate")
                    name = Variable(f"__agg_{next(self._numbers)}__")
                    parts = dict(node.items())
                    if not _is_star(parts.get("vars")):
                        parts["vars"] = self._expression(parts["vars"])
                    found.append(CompValue(node.name, **parts, res=name))
                    return name
                if node.name in EXISTS:
                    return node
                copied = CompValue(node.name)
                for key, value in node.items():
                    copied[key] = replaced(value, strict)
                return copied
            if isinstance(node, (list, ParseResults)):
                return [replaced(part, strict) for part in node]
            return node

        made = []
        for item in chosen:
            if item.plain and item.name_ not in known:
                raise _Fault(f"the variable is neither grouped nor aggregated: ?{item.name_}")
            expression = None if item.plain else replaced(item.expr, True)
            made.append(CompValue("vars", expr=expression, name_=item.name_, plain=item.plain))
            known.append(item.name_)
        havings = [replaced(part, False) for part in havings]
        orders = [replaced(part, False) for part in orders]
        group = CompValue("Group", p=pattern, expr=keys)
        return CompValue("AggregateJoin", A=found, p=group), made, orders, havings

    # -- graph patterns (§18.2.2)

    def group(self, tree: CompValue) -> CompValue:
        """The algebra of what stands between braces."""
        pattern, condition = self._parts(tree)
        if condition is None:
            return pattern
        return CompValue("Filter", expr=condition, p=pattern)

    def _parts(self, tree: CompValue) -> tuple[CompValue, Any]:
        """The same, with the FILTERs of these very braces apart."""
        if tree.name == "SubSelect":
            return CompValue("ToMultiSet", p=self.select(tree)[0]), None
        pattern = CompValue("BGP", triples=[])
        filters = []
        block = next(self._blocks)
        for part in tree.part or []:
            if part.name == "Filter":
                filters.append(part.expr)
                continue
            if part.name == "TriplesBlock":
                triples = _triples(part.triples)
                self._one_block(triples, block)
                if pattern.name == "BGP":
                    pattern = CompValue("BGP", triples=[*pattern.triples, *triples])
                elif pattern.name == "Join" and pattern.p2.name == "BGP" and pattern.open:
                    joined = CompValue("BGP", triples=[*pattern.p2.triples, *triples])
                    pattern = CompValue("Join", p1=pattern.p1, p2=joined, open=True)
                else:
                    bgp = CompValue("BGP", triples=triples)
                    pattern = CompValue("Join", p1=pattern, p2=bgp, open=True)
                continue
            block = next(self._blocks)
            if part.name == "OptionalGraphPattern":
                other, condition = self._parts(part.graph)
                test = _TRUE if condition is None else condition
                pattern = CompValue("LeftJoin", p1=pattern, p2=other, expr=test)
            elif part.name == "MinusGraphPattern":
                pattern = CompValue("Minus", p1=pattern, p2=self.group(part.graph))
            elif part.name == "GroupOrUnionGraphPattern":
                branches = [self.group(branch) for branch in part.graph]
                union = branches[0]
                for branch in branches[1:]:
                    union = CompValue("Union", p1=union, p2=branch)
                pattern = _join(pattern, union)
            elif part.name == "GraphGraphPattern":
                inner = CompValue("Graph", term=part.term, p=self.group(part.graph))
                pattern = _join(pattern, inner)
            elif part.name == "InlineData":
                pattern = _join(pattern, CompValue("ToMultiSet", p=_values(part)))
            elif part.name == "Bind":
                if str(part.var) in in_scope(pattern):
                    raise _Fault(f"the variable is bound already: ?{part.var}")
                pattern = CompValue(
                    "Extend", p=pattern, expr=self._expression(part.expr), var=part.var
                )
            else:
                pattern = _join(pattern, part)
        tests = [self._expression(part) for part in filters]
        if len(tests) > 1:
            both = CompValue("ConditionalAndExpression", expr=tests[0], other=tests[1:])
            return pattern, both
        return pattern, tests[0] if tests else None

    def _one_block(self, triples: Sequence[tuple[Any, Any, Any]], block: int) -> None:
        for term in {term for triple in triples for term in triple if isinstance(term, BNode)}:
            if self._blank.setdefault(str(term), block) != block:
                raise _Fault("a blank node label is used in two groups of triples")

    def _expression(self, node: Any) -> Any:
        """An expression with the groups of EXISTS in it translated."""
        if isinstance(node, CompValue):
            if node.name in EXISTS:
                return CompValue(node.name, graph=self.group(node.graph))
            if node.name.startswith(_AGGREGATE):
                raise _Fault("an aggregate where none can stand: in FILTER, BIND or GROUP BY")
            made = CompValue(node.name)
            for key, value in node.items():
                made[key] = self._expression(value)
            return made
        if isinstance(node, (list, ParseResults)):
            return [self._expression(part) for part in node]
        return node


EXISTS = ("Builtin_EXISTS", "Builtin_NOTEXISTS")


def _join(one: CompValue, other: CompValue) -> CompValue:
    if one.name == "BGP" and not one.triples:
        return other
    if other.name == "BGP" and not other.triples:
        return one
    return CompValue("Join", p1=one, p2=other)


def _is_star(node: Any) -> bool:
    return str(node) == "*" and not isinstance(node, (Variable, Literal, URIRef))


def _values(part: CompValue) -> CompValue:
    """Inline data: the rows as mappings, a variable without a term left out."""
    names = list(part.var or [])
    rows = []
    for value in part.value or []:
        terms = list(value) if isinstance(value, (list, ParseResults)) else [value]
        if len(terms) != len(names):
            raise _Fault(f"VALUES has {len(names)} variables and a row of {len(terms)} terms")
        rows.append(
            {
                name: term
                for name, term in zip(names, terms, strict=True)
                if isinstance(term, (URIRef, Literal))
            }
        )
    return CompValue("values", res=rows, var=names)


def _aggregates(node: Any) -> bool:
    """Whether an expression has an aggregate outside the groups of its EXISTS."""
    if isinstance(node, CompValue):
        if node.name.startswith(_AGGREGATE):
            return True
        return node.name not in EXISTS and any(_aggregates(value) for value in node.values())
    return isinstance(node, (list, ParseResults)) and any(_aggregates(part) for part in node)


def in_scope(node: Any) -> list[str]:
    """The variables in scope of a pattern (§18.2.1), in the order of the text."""
    found: dict[str, None] = {}

    def walk(part: Any) -> None:
        if not isinstance(part, CompValue):
            return
        if part.name == "BGP":
            found.update(
                (str(term), None)
                for triple in part.triples
                for term in triple
                if isinstance(term, Variable)
            )
        elif part.name == "Project":
            found.update((str(name), None) for name in part.PV)
        elif part.name == "values":
            found.update((str(name), None) for name in part.var)
        elif part.name == "AggregateJoin":
            found.update((str(name), None) for name in part.p.expr or [])
        else:
            if part.name == "Graph" and isinstance(part.term, Variable):
                found[str(part.term)] = None
            walk(part.get("p"))
            walk(part.get("p1"))
            if part.name != "Minus":
                walk(part.get("p2"))
            if part.name == "Extend":
                found[str(part.var)] = None

    walk(node)
    return [name for name in found if not name.startswith("__")]


def reads_graphs(algebra: CompValue) -> bool:
    """Whether a query asks by GRAPH which graph states something."""
    return "Graph" in _kinds_in(algebra)


def members(node: CompValue) -> Iterator[tuple[str, Any]]:
    """The parts of a node of a query's algebra by name."""
    yield from node.items()


def names_in(node: Any) -> set[str]:
    """The variables that occur anywhere in a part of a query, EXISTS included."""
    if isinstance(node, Variable):
        return {str(node)}
    if isinstance(node, CompValue):
        return {name for _, value in members(node) for name in names_in(value)}
    if isinstance(node, (list, tuple, set, frozenset)):
        return {name for value in node for name in names_in(value)}
    return set()


def iris_in(node: Any) -> Iterator[str]:
    """Every IRI that a query names, paths and EXISTS included."""
    if isinstance(node, URIRef):
        yield str(node)
    elif isinstance(node, (AlternativePath, SequencePath)):
        for part in node.args:
            yield from iris_in(part)
    elif isinstance(node, InvPath):
        yield from iris_in(node.arg)
    elif isinstance(node, MulPath):
        yield from iris_in(node.path)
    elif isinstance(node, NegatedPath):
        yield from iris_in(node.args)
    elif isinstance(node, CompValue):
        for _, value in members(node):
            yield from iris_in(value)
    elif isinstance(node, (list, tuple, set)):
        for value in node:
            yield from iris_in(value)
