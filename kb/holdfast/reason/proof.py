"""Proofs on demand: which triples each finding and each inferred triple rests on.

    derivations(t, d, l)          for an inferred triple `t`, its ways (`d`), each the triples `l`
    finding_derivations(n, d, l)  the same for a finding
    known(t, s, p, o, c, r)       every triple by its number

Made by running the rules once more with lineage. A premise always has a smaller number than what
it proves, so that proofs end; and only ways as certain as the conclusion count, so that no
evidence is less certain than what it is given for.
"""

from __future__ import annotations

from holdfast.columns.store import AS_OF, STATED, SUBCLASS, quoted
from holdfast.compile import Plan, Template
from holdfast.reason.fixpoint import Reasoner
from holdfast.vocabulary import HF, RDF_TYPE, RDFS

WAYS = 16
"""How many ways of reaching one conclusion are kept; the shortest come first."""

_RECORD, _TYPE, _FACT = range(3)
"""What an evidence is: a record, a record only as being of some type, a fact."""


class Proofs:
    """The premises behind some findings of a reasoner that has run."""

    def __init__(self, reasoner: Reasoner, findings: list[int] | None = None) -> None:
        """Trace the findings with these numbers, or all of them."""
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
        if findings is None:
            con.execute("CREATE OR REPLACE TEMP TABLE wanted AS SELECT n FROM findings")
        else:
            con.execute(
                "CREATE OR REPLACE TEMP TABLE wanted AS SELECT unnest($n::BIGINT[]) AS n",
                {"n": findings},
            )
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
                    joins.append(f' LEFT JOIN terms t{place} ON t{place}.id = a."v_{name}"')
                text = f"t{place}.n3" if kind == "id" else f'a."v_{name}"'
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
                  SELECT unnest(l) FROM finding_derivations UNION SELECT unnest(l) FROM derivations)
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
        """A type follows from a narrower type of the same thing."""
        typed, sub = quoted(RDF_TYPE), self.columns.table(RDFS + "subClassOf")
        self.columns.con.execute(
            f"""
            INSERT INTO derivations
            WITH RECURSIVE above(low, high) AS (
              SELECT s, o FROM {sub} UNION SELECT low, o FROM above JOIN {sub} ON s = high)
            SELECT f.t, 1, [min(n.t)] FROM frontier f
              JOIN {typed} n ON n.s = f.s AND n.t < f.t AND n.r <> {SUBCLASS}
              JOIN above ON above.low = n.o AND above.high = f.o
            WHERE f.r = {SUBCLASS} GROUP BY f.t
            """
        )

    def _trace_rule(self, number: int) -> None:
        table, plan, templates = self._lineage(number)
        for template in templates:
            rows, params = self.reasoner.template_rows(template, plan, table, "a.l")
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
                """,
                params,
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
              FROM rests JOIN findings f ON rests.node = -f.n
              WHERE rests.node < 0 AND (kind <> {_TYPE} OR source <> f.venture)
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
                " UNION SELECT unnest(l) FROM finding_derivations)"
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
        """The triples of the shortest way to an inferred triple or a finding.

        Where findings lead to a finding, the triples of all ways: each of those grounds counts.
        """
        if finding is not None:
            row = self.columns.rows(
                """
                WITH ways AS (SELECT l, d, EXISTS (SELECT 1 FROM known JOIN findings f
                    ON f.node = known.s AND known.r = f.rule
                    WHERE known.t IN (SELECT unnest(w.l))) AS chain
                  FROM finding_derivations w WHERE n = $n)
                SELECT list_sort(list_distinct(flatten(list(l)))) FROM ways WHERE chain OR d = 1
                """,
                {"n": finding},
            )
        else:
            row = self.columns.rows(
                "SELECT l FROM derivations WHERE t = $t ORDER BY len(l), l LIMIT 1", {"t": triple}
            )
        return list(row[0][0]) if row and row[0][0] else []


__all__ = ["Proofs"]
