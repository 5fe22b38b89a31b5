"""One dataset held against one shapes graph: the plans of shapes, run over columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
from rdflib.term import Identifier

from holdfast.columns import Columns
from holdfast.columns.deadline import deadline, python_deadline, too_deep
from holdfast.columns.names import quoted
from holdfast.columns.store import SUBCLASS
from holdfast.compile import Refusal
from holdfast.compile.kept import shape_plan_from_json, shape_plan_to_json
from holdfast.compile.prebound import SHAPES_TABLE
from holdfast.compile.shapes import FOCUS, ShapePlan, compile_targets
from holdfast.compile.values import n3_of
from holdfast.errors import ShapeError
from holdfast.shapes import Shape, Shapes
from holdfast.vocabulary import RDF_TYPE


class Examination:
    """A dataset, a shapes graph, and what is known of both while they are held together."""

    def __init__(self, columns: Columns, shapes: Shapes) -> None:
        self.columns = columns
        self.shapes = shapes
        self.types_as_stated = True
        self._tables = 0
        self._shapes_loaded = False
        self._viewed = -1
        self._listed = False
        self._focus: dict[str, tuple[str, int]] = {}
        self._plans: dict[tuple[str, str], list[ShapePlan]] = {}

    # -- plans -----------------------------------------------------------------------------------

    def plans(
        self, node: Identifier, what: str, compute: Callable[[], Sequence[ShapePlan]]
    ) -> list[ShapePlan]:
        """The plans for something of a node of the shapes graph, from earlier runs if it has not
        changed since. Raises ShapeError for what is not compiled."""
        key = (n3_of(node), what)
        if key in self._plans:
            return self._plans[key]
        lasting: list[ShapePlan] = []

        def kept() -> Any:
            lasting[:] = self.compiled(node, compute)
            values = [shape_plan_to_json(plan) for plan in lasting]
            return values if all(value is not None for value in values) else None

        found = self.shapes.remember(node, f"plans {what}", kept)
        if not lasting and found is not None:
            lasting = [shape_plan_from_json(value) for value in found]
        elif not lasting and found is None:
            lasting = self.compiled(node, compute)
        self._plans[key] = lasting
        return lasting

    def compiled(
        self, node: Identifier, compute: Callable[[], Sequence[ShapePlan]]
    ) -> list[ShapePlan]:
        """What is compiled, or the error for what is not."""
        try:
            return list(compute())
        except Refusal as refusal:
            raise ShapeError(
                f"{self.shapes.describe(node)} has {refusal.construct}, which is not compiled.",
                where=self.shapes.place(node),
                mend=refusal.mend or "Write it without.",
            ) from None

    # -- statements ------------------------------------------------------------------------------

    def execute(self, node: Identifier, found: ShapePlan, table: str, focus: str = "") -> int:
        """Put what a plan gives into a temporary table; returns the number of rows."""
        plan, columns = found.plan, self.columns
        read = [f"<{name}>" for name in plan.tables if not name.startswith(SHAPES_TABLE)]
        columns.learn([*read, *plan.constants.values()])
        for name in sorted(plan.tables):
            if name.startswith(SHAPES_TABLE):
                self._load_shapes(name)
            else:
                columns.table(name)
        texts = [plan.sql, *(query for _, query in found.stages)]
        if any('"*" ' in text for text in texts):
            self._view_all()
        if any('"*nodes" ' in text for text in texts):
            self._list_nodes()
        for name, pattern in found.regexes:
            self._match(node, name, pattern)
        bound = {key: columns.id_of(n3) for key, n3 in plan.constants.items()}
        for name, query in found.stages:
            self._make(node, name, query, bound, focus)
            columns.add_terms(f"SELECT n3 FROM {name}")
        return self._make(node, table, plan.sql, bound, focus)

    def _make(
        self, node: Identifier, table: str, query: str, bound: Mapping[str, int], focus: str
    ) -> int:
        text = query.replace(FOCUS, focus)
        given = {key: value for key, value in bound.items() if re.search(rf"\${key}\b", text)}
        limits, con = self.columns.limits, self.columns.con

        def late() -> ShapeError:
            return self._without_bound(
                node, f"was not done within {limits.seconds:g} seconds (--max-seconds)"
            )

        try:
            with deadline(con, limits.seconds, late):
                done = con.execute(
                    f"CREATE OR REPLACE TEMP TABLE {table} AS"
                    f" SELECT * FROM ({text}) LIMIT {limits.rows + 1}",
                    given,
                ).fetchone()
        except duckdb.OutOfMemoryException as error:
            raise self._without_bound(
                node, f"needs more memory than there is: {str(error).splitlines()[0]}"
            ) from None
        except duckdb.InterruptException:
            raise late() from None
        except duckdb.Error as error:
            if too_deep(error):  # as where compiling it goes too deep
                raise RecursionError from error
            raise ShapeError(
                f"the plan of {self.shapes.describe(node)} failed: {str(error).splitlines()[0]}.",
                where=self.shapes.place(node),
                mend="This is a fault in Holdfast's compiler; please report the shape.",
            ) from error
        rows = int(done[0]) if done else 0
        if rows > limits.rows:
            raise self._without_bound(
                node, f"gives more than {limits.rows:,} solutions (--max-rows)"
            )
        return rows

    def _without_bound(self, node: Identifier, what: str) -> ShapeError:
        return ShapeError(
            f"{self.shapes.describe(node)} {what}.",
            where=self.shapes.place(node),
            mend="Its patterns multiply, or a path is long: narrow them, or allow more.",
        )

    def fresh(self, name: str) -> str:
        """The name of a table that is not there yet."""
        self._tables += 1
        return f"{name}_{self._tables}"

    def _view_all(self) -> None:
        if self.columns.next_triple == self._viewed:
            return  # tables made since then are empty
        self._viewed = self.columns.next_triple
        branches = " UNION ALL ".join(
            f"SELECT s, {number}::BIGINT AS p, o, c, t FROM {quoted(predicate)}"
            for predicate, number in sorted(self.columns.predicates.items())
        )
        self.columns.con.execute(f'CREATE OR REPLACE TEMP VIEW "*" AS {branches}')

    def _list_nodes(self) -> None:
        self._view_all()
        if not self._listed:
            self._listed = True
            self.columns.con.execute(
                'CREATE OR REPLACE TEMP TABLE "*nodes" AS SELECT DISTINCT n FROM'
                ' (SELECT unnest([s, o]) AS n FROM "*")'
            )

    def _match(self, node: Identifier, name: str, pattern: str) -> None:
        """List the terms that match a regular expression that only Python knows."""
        matches = re.compile(pattern).search
        rows = self.columns.rows("SELECT id, lex FROM terms WHERE cls <> 1")
        seconds = self.columns.limits.seconds
        try:
            with python_deadline(seconds):
                ids = [number for number, text in rows if matches(text)]
        except TimeoutError:
            raise self._without_bound(
                node, f"has a sh:pattern that was not done within {seconds:g} seconds"
                " (--max-seconds)"
            ) from None  # fmt: skip
        self.columns.con.execute(
            f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS SELECT unnest($ids::BIGINT[]) AS id",
            {"ids": ids},
        )

    def _load_shapes(self, table: str) -> None:
        """Make the tables of the shapes graph, and this one."""
        con = self.columns.con
        if not self._shapes_loaded:
            self._shapes_loaded = True
            triples = [
                (n3_of(subject), predicate, n3_of(value))
                for subject, facts in self.shapes.statements.triples.items()
                for predicate, values in facts.items()
                for value in values
            ]
            self.columns.learn({n3 for s, p, o in triples for n3 in (s, f"<{p}>", o)})
            known = self.columns.id_of
            rows = [(known(s), known(f"<{p}>"), known(o)) for s, p, o in triples]
            every = quoted(SHAPES_TABLE + "*")
            con.execute(
                f"CREATE TEMP TABLE {every} AS SELECT unnest($s::BIGINT[]) AS s,"
                " unnest($p::BIGINT[]) AS p, unnest($o::BIGINT[]) AS o, 0::TINYINT AS c,"
                " 0::BIGINT AS t",
                {"s": [r[0] for r in rows], "p": [r[1] for r in rows], "o": [r[2] for r in rows]},
            )
        predicate = table.removeprefix(SHAPES_TABLE)
        if predicate:
            number = self.columns.id_of(f"<{predicate}>")
            con.execute(
                f"CREATE OR REPLACE TEMP VIEW {quoted(table)} AS SELECT s, o, c, t FROM"
                f" {quoted(SHAPES_TABLE + '*')} WHERE p = {number}"
            )

    # -- focus nodes -----------------------------------------------------------------------------

    def nodes(self, ids: Sequence[int]) -> str:
        """A table of focus nodes (this, n), each to be reported once."""
        table = self.fresh("focus")
        self.columns.con.execute(
            f"CREATE TEMP TABLE {table} AS SELECT unnest($ids::BIGINT[]) AS this, 1 AS n",
            {"ids": list(ids)},
        )
        return table

    def targets(self, shape: Shape) -> ShapePlan:
        """The plan for the focus nodes of a shape."""
        (plan,) = self.plans(shape.node, "targets", lambda: [compile_targets(self.shapes, shape)])
        return plan

    def focus_of(self, shape: Shape, only: Sequence[int] = ()) -> tuple[str, int]:
        """The table of the focus nodes (this, n) that a shape's targets name, and how many they
        are; of these alone, where some are given. Shapes with the same targets share a table."""
        plan = self.targets(shape)
        key = repr((plan.plan.sql, sorted(plan.plan.constants.items()), plan.stages, tuple(only)))
        if key not in self._focus:
            kept = f" WHERE this IN ({', '.join(map(str, only))})" if only else ""
            wrapped = f"SELECT this, 1 AS n FROM ({plan.plan.sql}){kept}"
            table = self.fresh("focus")
            count = self.execute(shape.node, plan.over(wrapped), table)
            self._focus[key] = (table, count)
        return self._focus[key]

    def changed(self) -> None:
        """Forget the focus nodes: the data have changed."""
        self._focus.clear()
        self._listed = False

    def forget_types(self) -> None:
        """Leave rdf:type as it was stated: SHACL asks for sub-classes where it wants them."""
        if self.types_as_stated:
            table = self.columns.table(RDF_TYPE)
            self.columns.con.execute(f"DELETE FROM {table} WHERE r = {SUBCLASS}")

    def add(self, predicate: str, rows: str, rule: int) -> int:
        """Add the triples (s, o, c) of a query that are new; returns how many were."""
        added = self.columns.add(predicate, rows, rule)
        if predicate == RDF_TYPE:
            self.forget_types()
        return added
