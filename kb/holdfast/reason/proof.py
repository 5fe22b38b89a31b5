"""Proofs on demand: which triples each finding and each inferred triple rests on.

    derivations(t, d, l)          for an inferred triple `t`, its ways (`d`), each the triples `l`
    finding_derivations(n, d, l)  the same for a finding
    known(t, s, p, o, c, r)       every triple by its number

Made by running the rules once more with lineage. A premise always has a smaller number than what
it proves, so that proofs end; and only ways as certain as the conclusion count, so that no
evidence is less certain than what it is given for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from holdfast.columns.names import column_of, quoted
from holdfast.columns.store import AS_OF, STATED, SUBCLASS
from holdfast.compile import Plan, Template
from holdfast.limits import WAYS
from holdfast.reason.fixpoint import Reasoner
from holdfast.reason.sameness import Ways
from holdfast.vocabulary import HF, RDF_TYPE, RDFS

CLASH = 1 << 40
"""From this number on findings are contradictions, which no rule found."""

_RECORD, _TYPE, _FACT = range(3)
"""What an evidence is: a record, a record only as being of some type, a fact."""


class Proofs:
    """The premises behind some findings of a reasoner that has run."""

    def __init__(
        self,
        reasoner: Reasoner,
        findings: list[int] | None = None,
        triples: Sequence[int] = (),
        clashes: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        """Trace the findings with these numbers, or all of them, and some inferred triples.

        `clashes` are contradictions by the numbers they have as findings, each with its premises.
        """
        self.reasoner = reasoner
        self.columns = reasoner.columns
        self._plans: dict[int, tuple[Plan, tuple[Template, ...]]] = {}
        con = self.columns.con
        branches = " UNION ALL ".join(
            f"SELECT t, s, {number}::BIGINT AS p, o, c, r FROM {quoted(predicate)}"
            for predicate, number in sorted(self.columns.predicates.items())
        )
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE known AS {branches};"
            "CREATE OR REPLACE TEMP TABLE derivations(t BIGINT, d BIGINT, l BIGINT[]);"
            "CREATE OR REPLACE TEMP TABLE finding_derivations(n BIGINT, d BIGINT, l BIGINT[]);"
            "CREATE OR REPLACE TEMP TABLE traced(t BIGINT);"
            "CREATE OR REPLACE TEMP TABLE traced_findings(n BIGINT)"
        )
        con.execute(
            "CREATE OR REPLACE TEMP TABLE asked_for AS SELECT unnest($t::BIGINT[]) AS t",
            {"t": list(triples)},
        )
        if clashes:
            con.execute(
                "INSERT INTO finding_derivations"
                " SELECT unnest($n::BIGINT[]), 1, unnest($l::BIGINT[][])",
                {"n": list(clashes), "l": [list(premises) for premises in clashes.values()]},
            )
        if findings is None:
            con.execute("CREATE OR REPLACE TEMP TABLE wanted AS SELECT n FROM findings")
        else:
            con.execute(
                "CREATE OR REPLACE TEMP TABLE wanted AS SELECT unnest($n::BIGINT[]) AS n",
                {"n": findings},
            )
        self._trace_triples()
        while self.columns.value("SELECT count(*) FROM wanted"):
            self._trace_findings()
            self._trace_triples()
            con.execute(
                """
                CREATE OR REPLACE TEMP TABLE wanted AS
                SELECT DISTINCT f.n FROM (SELECT unnest(l) AS t FROM derivations
                  UNION SELECT unnest(l) FROM finding_derivations) AS used
                JOIN known USING (t) JOIN findings f ON f.node = known.s AND known.r = f.rule
                WHERE f.n NOT IN (SELECT n FROM traced_findings)
                """
            )

    def _lineage(self, number: int) -> tuple[str, Plan, tuple[Template, ...]]:
        """The temporary table with a rule's solutions and their triples."""
        name = f"lineage_{number}"
        if number not in self._plans:
            compiled = self.reasoner.rules[number]
            plan, templates = compiled.traced(self.reasoner.memory)
            self.reasoner.materialise(plan, name, {}, compiled.rule)
            self._plans[number] = plan, templates
        return name, *self._plans[number]

    def _trace_findings(self) -> None:
        con = self.columns.con
        numbers = self.columns.rows(
            "SELECT DISTINCT rule FROM findings JOIN wanted USING (n) ORDER BY 1"
        )
        for (number,) in numbers:
            table, plan, _ = self._lineage(number)
            joins, pairs = [], []
            for place, (name, kind) in enumerate(plan.columns):
                if name == "this":
                    continue
                if kind == "id":
                    joins.append(f" LEFT JOIN terms t{place} ON t{place}.id = a.{column_of(name)}")
                text = f"t{place}.n3" if kind == "id" else f"a.{column_of(name)}"
                pairs.append(f"struct_pack(k := '{name}', v := {text})")
            listed = (
                f"list_filter([{', '.join(pairs)}], lambda x: x.v IS NOT NULL)"
                if pairs
                else "[]::STRUCT(k VARCHAR, v VARCHAR)[]"
            )
            con.execute(
                f"""
                INSERT INTO finding_derivations
                SELECT n, row_number() OVER (PARTITION BY n ORDER BY len(l), l), l FROM (
                  SELECT DISTINCT f.n, list_sort(list_distinct(a.l)) AS l
                  FROM (SELECT a.v_this AS venture, map_from_entries({listed}) AS bindings, a.c, a.l
                        FROM {table} a{"".join(joins)}) AS a
                  JOIN findings f ON f.venture = a.venture AND f.bindings = a.bindings
                    AND f.rule = {number} AND a.c <= f.c
                  JOIN wanted ON wanted.n = f.n)
                QUALIFY row_number() OVER (PARTITION BY n ORDER BY len(l), l) <= {WAYS}
                """
            )
        con.execute("INSERT INTO traced_findings SELECT n FROM wanted")

    def _trace_triples(self) -> None:
        con = self.columns.con
        while True:
            con.execute(
                f"""
                CREATE OR REPLACE TEMP TABLE frontier AS
                SELECT known.* FROM known WHERE t IN (
                  SELECT unnest(l) FROM finding_derivations UNION SELECT unnest(l) FROM derivations
                  UNION FROM asked_for)
                AND t NOT IN (SELECT t FROM traced) AND r NOT IN ({STATED}, {AS_OF})
                """
            )
            rules = self.columns.rows("SELECT DISTINCT r FROM frontier ORDER BY r DESC")
            if not rules:
                return
            for (number,) in rules:
                if number == SUBCLASS:
                    self._trace_types()
                elif self.reasoner.rules[number].rule.kind == "inference":
                    self._trace_rule(number)
            con.execute("INSERT INTO traced SELECT t FROM frontier")

    def _trace_types(self) -> None:
        """A type follows from a narrower type of the same thing, and from what makes it narrower.

        The way from class to class is the shortest (rules cax-sco and scm-sco).
        """
        columns, con = self.columns, self.columns.con
        typed, sub = quoted(RDF_TYPE), columns.table(RDFS + "subClassOf")
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE raised AS
            WITH RECURSIVE above(low, high) AS (
              SELECT s, o FROM {sub} UNION SELECT low, o FROM above JOIN {sub} ON s = high)
            SELECT f.t, f.o AS high, min(n.t) AS n, arg_min(n.o, n.t) AS low FROM frontier f
              JOIN {typed} n ON n.s = f.s AND n.t < f.t AND n.r <> {SUBCLASS} AND n.c <= f.c
              JOIN above ON above.low = n.o AND above.high = f.o
            WHERE f.r = {SUBCLASS} GROUP BY f.t, f.o
            """
        )
        ways = Ways(columns.rows(f"SELECT s, o, 0, t FROM {sub}"), both=False)
        steps = [
            (low, high, ways.between(low, high, 0, limit) or [])
            for low, high, limit in columns.rows(
                "SELECT low, high, min(t) FROM raised GROUP BY low, high"
            )
        ]
        con.execute(
            """
            INSERT INTO derivations
            SELECT t, 1, list_sort(list_distinct(list_prepend(n, l))) FROM raised JOIN (
              SELECT unnest($low::BIGINT[]) AS low, unnest($high::BIGINT[]) AS high,
                unnest($l::BIGINT[][]) AS l) USING (low, high)
            """,
            {
                "low": [low for low, _, _ in steps],
                "high": [high for _, high, _ in steps],
                "l": [way for _, _, way in steps],
            },
        )

    def _trace_rule(self, number: int) -> None:
        axioms = self.reasoner.rules[number].axioms
        if axioms and axioms.closes_sameness:
            self._trace_sameness(number)
            return
        table, plan, templates = self._lineage(number)
        for template in templates:
            rows = self.reasoner.template_rows(template, plan, table, "a.l")
            predicate = self.columns.predicates.get(template.predicate, -1)
            self.columns.con.execute(
                f"""
                INSERT INTO derivations
                SELECT t, row_number() OVER (PARTITION BY t ORDER BY len(l), l), l FROM (
                  SELECT DISTINCT f.t, list_sort(list_distinct(made.l)) AS l
                  FROM ({rows}) AS made
                  JOIN frontier f ON f.s = made.s AND f.o = made.o
                    AND f.p = {predicate} AND f.r = {number}
                  WHERE list_max(made.l) < f.t AND made.c <= f.c)
                QUALIFY row_number() OVER (PARTITION BY t ORDER BY len(l), l) <= {WAYS}
                """
            )

    def _trace_sameness(self, number: int) -> None:
        """Two things are the same by the shortest way of statements from one to the other."""
        ways = Ways(self.reasoner.sameness(self.reasoner.rules[number]))
        rows = self.columns.rows("SELECT t, s, o, c FROM frontier WHERE r = $r", {"r": number})
        found = [(t, way) for t, s, o, c in rows if (way := ways.between(s, o, c, t))]
        if found:
            self.columns.con.execute(
                "INSERT INTO derivations SELECT unnest($t::BIGINT[]), 1, unnest($l::BIGINT[][])",
                {"t": [t for t, _ in found], "l": [sorted(way) for _, way in found]},
            )

    # -- reading ---------------------------------------------------------------------------------

    def evidence(self) -> dict[int, list[str]]:
        """For each traced finding the facts it rests on, as IRIs in order.

        A fact is the named graph that states a triple, where that graph is an hf:Fact, else the
        record that the triple is about; where there are facts, they alone are given. That the
        venture is a venture is no evidence.
        """
        rows = self.columns.rows(
            f"""
            WITH RECURSIVE
            told AS (SELECT known.t, -f.n AS node FROM known
              JOIN findings f ON f.node = known.s AND known.r = f.rule),
            used AS (SELECT DISTINCT t AS up, unnest(l) AS t FROM derivations
              UNION ALL SELECT DISTINCT -n, unnest(l) FROM finding_derivations),
            -- a triple is a node by its number, a finding by its own below zero
            steps AS MATERIALIZED (SELECT DISTINCT up, coalesce(node, t) AS node
              FROM used LEFT JOIN told USING (t)),
            ends AS (SELECT n, venture FROM findings
              UNION SELECT n, NULL FROM finding_derivations WHERE n >= {CLASH}),
            facts AS (SELECT s AS g FROM {quoted(RDF_TYPE)} WHERE o = $fact),
            leaves AS (
              SELECT DISTINCT known.t, CASE WHEN facts.g IS NOT NULL THEN {_FACT}
                  WHEN known.p = $type THEN {_TYPE} ELSE {_RECORD} END AS kind,
                coalesce(facts.g, q.s) AS source
              FROM (SELECT DISTINCT t FROM used) JOIN known USING (t)
                JOIN quads q ON q.s = known.s AND q.p = known.p AND q.o = known.o
                LEFT JOIN facts ON facts.g = q.g
              WHERE known.r = {STATED} AND NOT q.background
                AND (q.g IS NULL OR q.g NOT IN (SELECT node FROM unborn))),
            rests(node, kind, source) AS (
              SELECT t, kind, source FROM leaves
              UNION SELECT steps.up, rests.kind, rests.source
                FROM rests JOIN steps ON steps.node = rests.node),
            grounds AS (
              SELECT DISTINCT f.n, kind = {_FACT} AS is_fact, source
              FROM rests JOIN ends f ON rests.node = -f.n
              WHERE rests.node < 0 AND (kind <> {_TYPE} OR source IS DISTINCT FROM f.venture)
              QUALIFY is_fact = max(is_fact) OVER (PARTITION BY f.n))
            SELECT n, list(coalesce(nullif(terms.lex, ''), terms.n3) ORDER BY terms.n3)
            FROM grounds JOIN terms ON terms.id = source GROUP BY n
            """,
            {
                "fact": self.columns.id_of(f"<{HF}Fact>"),
                "type": self.columns.id_of(f"<{RDF_TYPE}>"),
            },
        )
        return dict(rows)

    def used_triples(self) -> list[tuple[int, int, int, int, int, int]]:
        """Every triple (t, s, p, o, c, r) that some traced proof uses."""
        return [
            (t, s, p, o, c, r)
            for t, s, p, o, c, r in self.columns.rows(
                "SELECT t, s, p, o, c, r FROM known WHERE t IN (SELECT unnest(l) FROM derivations"
                " UNION SELECT unnest(l) FROM finding_derivations UNION FROM asked_for)"
            )
        ]

    def findings_under(self, findings: list[int]) -> list[int]:
        """The numbers of all findings that the proofs of these rest on, at any depth."""
        rows = self.columns.rows(
            """
            WITH RECURSIVE
            rests(n, m) AS (SELECT DISTINCT d.n, f.n
              FROM (SELECT n, unnest(l) AS t FROM finding_derivations) AS d
              JOIN known USING (t) JOIN findings f ON f.node = known.s AND known.r = f.rule),
            under(m) AS (SELECT m FROM rests WHERE n IN (SELECT unnest($n::BIGINT[]))
              UNION SELECT rests.m FROM under JOIN rests ON rests.n = under.m)
            SELECT DISTINCT m FROM under ORDER BY 1
            """,
            {"n": findings},
        )
        return [number for (number,) in rows]

    def premises(self, *, finding: int | None = None, triple: int | None = None) -> list[int]:
        """The triples of the shortest way to an inferred triple or a finding; see `ways`."""
        ways = self.ways(finding=finding, triple=triple)
        return ways[0] if ways else []

    def ways(self, *, finding: int | None = None, triple: int | None = None) -> list[list[int]]:
        """The ways to an inferred triple or a finding, each the triples it rests on.

        The first is that whose whole proof has fewest steps. Where findings lead to a finding, the
        first has the triples of all these ways: each of those grounds counts.
        """
        if triple is not None:
            return [way for _, way in self._sized.triples.get(triple, ())]
        ways = self._sized.findings.get(finding or 0, [])
        grounds = [way for _, way in ways if any(t in self._sized.told for t in way)]
        if grounds:
            every = sorted({t for way in grounds for t in way})
            rest = [way for _, way in ways if way != every]
            return [every, *rest]
        return [way for _, way in ways]

    @cached_property
    def _sized(self) -> _Sized:
        """All ways with the number of steps of their proofs, the shortest first."""
        con = self.columns
        told = dict(
            con.rows(
                "SELECT known.t, f.n FROM known JOIN findings f"
                " ON f.node = known.s AND known.r = f.rule"
            )
        )
        ways: dict[int, list[list[int]]] = {}
        for t, way in con.rows("SELECT t, l FROM derivations ORDER BY t, len(l), l"):
            ways.setdefault(t, []).append(way)
        found: dict[int, list[list[int]]] = {}
        for n, way in con.rows("SELECT n, l FROM finding_derivations ORDER BY n, len(l), l"):
            found.setdefault(n, []).append(way)
        sized = _Sized({}, {}, told)
        steps: dict[int, int] = {}
        judged: dict[int, int] = {}

        def steps_of(way: list[int]) -> int:
            total = 0
            for t in way:
                n = told.get(t)
                total += steps.get(t, 1) if n is None else judged.get(n, 1)
            return total

        # a premise always has a smaller number than what it proves, so that one pass will do
        first: dict[int, int] = {}
        for t, n in told.items():
            first[n] = min(t, first.get(n, t))
        order = [(t, 1, t) for t in ways]
        order += [(first.get(n, CLASH), 0, n) for n in found]
        for _, is_triple, number in sorted(order):
            some = ways[number] if is_triple else found[number]
            listed = sorted(((steps_of(way), way) for way in some), key=lambda w: (w[0], len(w[1])))
            if is_triple:
                sized.triples[number] = listed
                steps[number] = 1 + listed[0][0]
            else:
                sized.findings[number] = listed
                judged[number] = 1 + listed[0][0]
        return sized


@dataclass(frozen=True)
class _Sized:
    """Ways to triples and findings, each with its steps; `told` has the triples of findings."""

    triples: dict[int, list[tuple[int, list[int]]]]
    findings: dict[int, list[tuple[int, list[int]]]]
    told: dict[int, int]


__all__ = ["Proofs"]
