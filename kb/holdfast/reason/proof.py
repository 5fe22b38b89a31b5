"""Proofs on demand: which triples each finding and each inferred triple rests on.

    derivations(t, d, l, r)       for an inferred triple `t`, its ways (`d`), each the triples `l`
                                  by the rule `r`
    finding_derivations(n, d, l)  the same for a finding
    known(t, s, p, o, c, r)       every triple by its number

Made by running the rules once more with lineage. Only ways as certain as the conclusion count, so
that no evidence is less certain than what it is given for. For evidence, ways go by the rule that
was first to conclude a triple, from triples with smaller numbers; who asks for every way gets those
of all rules, and the shortest proof among them, which never comes back to what it proves.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
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
        *,
        every: bool = False,
    ) -> None:
        """Trace the findings with these numbers, or all of them, and some inferred triples, by one
        rule each or by `every` one that concludes them.

        `clashes` are contradictions by the numbers they have as findings, each with its premises.
        """
        self.reasoner = reasoner
        self.columns = reasoner.columns
        self.every = every
        self._plans: dict[int, tuple[Plan, tuple[Template, ...]]] = {}
        con = self.columns.con
        branches = " UNION ALL ".join(
            f"SELECT t, s, {number}::BIGINT AS p, o, c, r FROM {quoted(predicate)}"
            for predicate, number in sorted(self.columns.predicates.items())
        )
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE known AS {branches};"
            "CREATE OR REPLACE TEMP TABLE derivations(t BIGINT, d BIGINT, l BIGINT[], r INTEGER);"
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
            if self.every:
                rules = self._all_that_conclude()
            for (number,) in rules:
                if number == SUBCLASS:
                    self._trace_types()
                elif self.reasoner.rules[number].rule.kind == "inference":
                    self._trace_rule(number)
            con.execute("INSERT INTO traced SELECT t FROM frontier")

    def _all_that_conclude(self) -> list[tuple[int]]:
        """The rules that may conclude a triple of the frontier."""
        wanted = {
            predicate
            for (predicate,) in self.columns.rows(
                "SELECT DISTINCT lex FROM frontier JOIN terms ON terms.id = p"
            )
        }
        found = [
            (number,)
            for number, one in enumerate(self.reasoner.rules)
            if any(template.predicate in wanted for template in one.templates)
        ]
        return found + ([(SUBCLASS,)] if RDF_TYPE in wanted else [])

    def _trace_types(self) -> None:
        """A type follows from a narrower type of the same thing, and from what makes it narrower.

        The way from class to class is the shortest (rules cax-sco and scm-sco).
        """
        columns, con = self.columns, self.columns.con
        earlier = "n.t <> f.t" if self.every else f"n.t < f.t AND f.r = {SUBCLASS}"
        way = "n.t" if self.every else "f.t"
        typed, sub = quoted(RDF_TYPE), columns.table(RDFS + "subClassOf")
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE raised AS
            WITH RECURSIVE above(low, high) AS (
              SELECT s, o FROM {sub} UNION SELECT low, o FROM above JOIN {sub} ON s = high)
            SELECT f.t, f.o AS high, min(n.t) AS n, arg_min(n.o, n.t) AS low FROM frontier f
              JOIN {typed} n ON n.s = f.s AND {earlier} AND n.r <> {SUBCLASS} AND n.c <= f.c
              JOIN above ON above.low = n.o AND above.high = f.o
            GROUP BY f.t, f.o, {way}
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
            SELECT t, row_number() OVER (PARTITION BY t ORDER BY n),
              list_sort(list_distinct(list_prepend(n, l))), $rule FROM raised JOIN (
              SELECT unnest($low::BIGINT[]) AS low, unnest($high::BIGINT[]) AS high,
                unnest($l::BIGINT[][]) AS l) USING (low, high)
            """,
            {
                "low": [low for low, _, _ in steps],
                "high": [high for _, high, _ in steps],
                "l": [way for _, _, way in steps],
                "rule": SUBCLASS,
            },
        )

    def _trace_rule(self, number: int) -> None:
        axioms = self.reasoner.rules[number].axioms
        if axioms and axioms.closes_sameness:
            self._trace_sameness(number)
            return
        table, plan, templates = self._lineage(number)
        earlier = (
            "NOT list_contains(made.l, f.t)"
            if self.every
            else f"list_max(made.l) < f.t AND f.r = {number}"
        )
        for template in templates:
            rows = self.reasoner.template_rows(template, plan, table, "a.l")
            predicate = self.columns.predicates.get(template.predicate, -1)
            self.columns.con.execute(
                f"""
                INSERT INTO derivations
                SELECT t, row_number() OVER (PARTITION BY t ORDER BY len(l), l), l, {number} FROM (
                  SELECT DISTINCT f.t, list_sort(list_distinct(made.l)) AS l
                  FROM ({rows}) AS made
                  JOIN frontier f ON f.s = made.s AND f.o = made.o
                    AND f.p = {predicate}
                  WHERE {earlier} AND made.c <= f.c)
                QUALIFY row_number() OVER (
                  PARTITION BY t, list_max(l) < t ORDER BY len(l), l) <= {WAYS}
                """
            )

    def _trace_sameness(self, number: int) -> None:
        """Two things are the same by the shortest way of statements from one to the other."""
        ways = Ways(self.reasoner.sameness(self.reasoner.rules[number]))
        rows = self.columns.rows("SELECT t, s, o, c FROM frontier WHERE r = $r", {"r": number})
        found = [(t, way) for t, s, o, c in rows if (way := ways.between(s, o, c, t))]
        if found:
            self.columns.con.execute(
                "INSERT INTO derivations"
                " SELECT unnest($t::BIGINT[]), 1, unnest($l::BIGINT[][]), $rule",
                {
                    "rule": number,
                    "t": [t for t, _ in found],
                    "l": [sorted(way) for _, way in found],
                },
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
        """Every triple (t, s, p, o, c, r) that some traced proof uses, with the rule `r` of its
        shortest way."""
        return [
            (t, s, p, o, c, self.rule_of(t, []) if t in self._sized.triples else r)
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
            return [way for _, way, _ in self._sized.triples.get(triple, ())]
        ways = self._sized.findings.get(finding or 0, [])
        grounds = [way for _, way in ways if any(t in self._sized.told for t in way)]
        if grounds:
            every = sorted({t for way in grounds for t in way})
            rest = [way for _, way in ways if way != every]
            return [every, *rest]
        return [way for _, way in ways]

    def steps(self, triple: int) -> int:
        """How many steps the shortest proof of an inferred triple has: itself, its facts, axioms
        and conclusions, each as often as it is used."""
        return 1 + self._sized.triples[triple][0][0]

    def rule_of(self, triple: int, way: Sequence[int]) -> int:
        """The number of the rule by which a way leads to a triple, or else the shortest."""
        ways = self._sized.triples[triple]
        return next((rule for _, one, rule in ways if one == way), ways[0][2])

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
        leading: dict[_Node, list[tuple[list[int], int]]] = {}
        for t, way, rule in con.rows("SELECT t, l, r FROM derivations ORDER BY t, len(l), l, r"):
            leading.setdefault((True, t), []).append((way, rule))
        for n, way in con.rows("SELECT n, l FROM finding_derivations ORDER BY n, len(l), l"):
            leading.setdefault((False, n), []).append((way, -1))

        def node(t: int) -> _Node:
            return (True, t) if told.get(t) is None else (False, told[t])

        steps, best = _shortest(leading, node)
        sized = _Sized({}, {}, told)
        for (is_triple, number), ways in leading.items():
            listed = [
                (sum(steps[node(t)] for t in way), way, rule)
                for way, rule in ways
                if all(
                    node(t) in steps and (is_triple, number) not in _under(node(t), best, node)
                    for t in way
                )
            ]
            listed.sort(key=lambda one: (one[0], len(one[1])))
            if is_triple:
                sized.triples[number] = listed
            else:
                sized.findings[number] = [(size, way) for size, way, _ in listed]
        return sized


_Node = tuple[bool, int]
"""A triple (True) or a finding (False) by its number."""


def _shortest(
    leading: Mapping[_Node, Sequence[tuple[list[int], int]]], node: Callable[[int], _Node]
) -> tuple[dict[_Node, int], dict[_Node, list[int]]]:
    """How many steps the shortest proof of each node has, and the way that it begins with.

    A node that nothing leads to is a fact, of one step. D. E. Knuth, A generalization of Dijkstra's
    algorithm (1977): whatever is reached is reached with its final number, so that no shortest
    proof comes back to what it proves.
    """
    uses: dict[_Node, list[tuple[_Node, int]]] = {}
    waiting: dict[tuple[_Node, int], int] = {}
    steps: dict[_Node, int] = {}
    best: dict[_Node, list[int]] = {}
    queue: list[tuple[int, int, _Node, list[int]]] = []
    for end, ways in leading.items():
        for place, (way, _) in enumerate(ways):
            under = {node(t) for t in way}
            waiting[end, place] = len(under)
            for one in under:
                uses.setdefault(one, []).append((end, place))
                if one not in leading:
                    heapq.heappush(queue, (1, 0, one, []))
            if not under:
                heapq.heappush(queue, (1, 0, end, []))
    while queue:
        size, _, one, way = heapq.heappop(queue)
        if one in steps:
            continue
        steps[one], best[one] = size, way
        for end, place in uses.get(one, ()):
            waiting[end, place] -= 1
            if not waiting[end, place]:
                found = leading[end][place][0]
                size = 1 + sum(steps[node(t)] for t in found)
                heapq.heappush(queue, (size, len(found), end, found))
    return steps, best


def _under(top: _Node, best: Mapping[_Node, list[int]], node: Callable[[int], _Node]) -> set[_Node]:
    """What the shortest proof of a node rests on, itself included."""
    found, todo = {top}, [top]
    while todo:
        for below in map(node, best.get(todo.pop(), ())):
            if below not in found:
                found.add(below)
                todo.append(below)
    return found


@dataclass(frozen=True)
class _Sized:
    """Ways to triples and findings, each with its steps; `told` has the triples of findings."""

    triples: dict[int, list[tuple[int, list[int], int]]]
    findings: dict[int, list[tuple[int, list[int]]]]
    told: dict[int, int]


__all__ = ["Proofs"]
