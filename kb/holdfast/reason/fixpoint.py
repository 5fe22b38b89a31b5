"""Running the rules.

    findings(n, node, rule, venture, basis, effect, c, value, bindings)

one row for each finding: its number, its IRI, the rule's place in `Reasoner.rules`, the venture,
notations of basis and effect, certainty as a rank, the value at fault (N-Triples text) and all the
values that its message may name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from types import MappingProxyType
from typing import Any, NamedTuple

import duckdb
from rdflib import Variable

from holdfast.columns import Columns
from holdfast.columns.deadline import deadline, too_deep
from holdfast.columns.names import column_of, quoted
from holdfast.compile import (
    SAME,
    Axiom,
    AxiomRule,
    Plan,
    Refusal,
    Template,
    axiom_rules,
    compile_rule,
    from_json,
    to_json,
)
from holdfast.compile.values import n3_of
from holdfast.errors import RuleError
from holdfast.limits import Progress
from holdfast.memory import Memory
from holdfast.ontology import Ontology
from holdfast.reason.abreast import Task, abreast
from holdfast.reason.sameness import Edge, joined
from holdfast.reason.spent import Ledger
from holdfast.reason.strata import Stratum, strata_of
from holdfast.rules import Rule
from holdfast.vocabulary import HF, IDS, RDF_TYPE

NO_PARAMS: Mapping[str, int] = MappingProxyType({})

MOST_ABREAST = 4
"""How many plans run at a time, where there are as many threads."""

MOST_WAITING = 500_000
"""How many solutions and findings wait for those of other rules, to be added with them."""

MAKING = 20
"""In how many rounds running a recursive stratum may make new terms."""

_FINDING = f"<{HF}Finding>"
_FINDING_TABLES = frozenset(
    HF + name for name in ("basis", "certainty", "effect", "rule", "venture")
)


@dataclass(frozen=True)
class CompiledRule:
    """A rule with its plan; `deltas` are its semi-naive variants, one for a recursive pattern.

    `axioms` are those that the rule stands for, where it was made of axioms.
    """

    rule: Rule
    plan: Plan
    templates: tuple[Template, ...]
    deltas: tuple[Plan, ...]
    axioms: AxiomRule | None = None

    @property
    def name(self) -> str:
        """What to call it: the rule's id, or the rule of OWL 2 RL."""
        return self.axioms.name if self.axioms else self.rule.id

    @property
    def closes_sameness(self) -> bool:
        """Whether it is what makes owl:sameAs an equivalence."""
        return self.axioms is not None and self.axioms.closes_sameness

    def traced(self, memory: Memory | None = None) -> tuple[Plan, tuple[Template, ...]]:
        """Its plan and templates with lineage."""
        if self.axioms:
            return self.axioms.plan(lineage=True), self.templates
        return plan_of(self.rule, memory, lineage=True)


def compile_all(
    rules: Iterable[Rule],
    ontology: Ontology,
    superclasses: Sequence[tuple[str, str]],
    memory: Memory | None = None,
    axioms: Sequence[Axiom] = (),
    individuals: Mapping[str, frozenset[str]] | None = None,
) -> list[list[CompiledRule]]:
    """Rules and axioms compiled, stratum by stratum; plans that `memory` knows are taken from it.

    Raises RuleError; then none is to be run.
    """
    above: dict[str, list[str]] = {}
    for low, high in superclasses:
        above.setdefault(low, []).append(high)
    taken: set[str] = set()
    return [
        [
            *(compiled(rule, stratum.feeds, memory) for rule in stratum.rules),
            *(
                CompiledRule(group.as_rule(), plan, group.templates, deltas, group)
                for group, plan, deltas in axiom_rules(stratum.axioms, stratum.feeds, taken)
            ),
        ]
        for stratum in strata_of(rules, ontology, above, memory, axioms, individuals)
    ]


def compiled(
    rule: Rule, feeds: frozenset[str] = frozenset(), memory: Memory | None = None
) -> CompiledRule:
    """A rule's plan. Raises RuleError naming the construct that is not compiled."""
    whole, templates = plan_of(rule, memory, feeds=feeds)
    deltas = (plan_of(rule, memory, feeds=feeds, delta=k)[0] for k in range(whole.recursive))
    return CompiledRule(rule, whole, templates, tuple(deltas))


def plan_of(
    rule: Rule,
    memory: Memory | None = None,
    *,
    lineage: bool = False,
    delta: int | None = None,
    feeds: frozenset[str] = frozenset(),
    among: bool = False,
) -> tuple[Plan, tuple[Template, ...]]:
    """A rule's plan and templates, as `compile_rule` gives them. Raises RuleError."""

    def compute() -> Any:
        try:
            made = compile_rule(
                rule.algebra,
                rule.target,
                assessed_only=rule.kind == "judgement",
                lineage=lineage,
                delta=delta,
                feeds=feeds,
                among=among,
            )
            return to_json(*made)
        except Refusal as refusal:
            raise refused(rule, refusal) from None
        except (
            ArithmeticError,
            AssertionError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise RuleError(
                f"rule {rule.id} could not be compiled: {error}.", where=rule.place(),
                mend="This is a fault in Holdfast's compiler; please report the rule.",
            ) from error  # fmt: skip

    asked = [rule.kind, rule.target.kind, rule.target.iri, str(lineage), str(delta), str(among)]
    prefixes = [f"{prefix} {namespace}" for prefix, namespace in sorted(rule.prefixes.items())]
    key = [rule.query, *asked, *sorted(feeds), *prefixes]
    return from_json((memory or Memory(None)).remember("plan", key, compute))


def refused(rule: Rule, refusal: Refusal) -> RuleError:
    """The error for a construct that is not compiled, with the rule and line where it stands."""
    named = re.findall(r"[?$]\w+|\b[A-Z_]{2,}\b|<[^>]*>", refusal.construct)
    words = "|".join(rf"{re.escape(word.strip('?$<>'))}(?!\w)" for word in named)
    lines = rule.query.splitlines() if words else []
    line = next(
        (n for n, text in enumerate(lines, start=1) if re.search(rf"(?<!\w)({words})", text, re.I)),
        1,
    )
    return RuleError(
        f"{refusal.construct} is not compiled, so rule {rule.id} was not run, nor any other.",
        where=rule.place(line),
        mend=refusal.mend or "Write the rule without it.",
    )


def _count(made: duckdb.DuckDBPyConnection) -> int:
    """How many rows a statement put into a table."""
    row = made.fetchone()
    return int(row[0]) if row else 0


def _reads_all(plan: Plan) -> bool:
    """Whether a plan reads the triples of every predicate, or all nodes."""
    return '"*" ' in plan.sql or '"*nodes" ' in plan.sql


def _reads_findings(plan: Plan) -> bool:
    """Whether a plan reads what findings say of themselves."""
    return bool(_FINDING_TABLES & plan.tables) or _FINDING in plan.constants.values()


class Made(NamedTuple):
    """What a rule came to: its solutions, or its findings, in a table of so many rows."""

    compiled: CompiledRule
    plan: Plan
    table: str
    rows: int


class Rounds:
    """The rounds of a recursive stratum, which must come to an end."""

    def __init__(self, columns: Columns, stratum: Sequence[CompiledRule]) -> None:
        self._columns = columns
        self._stratum = stratum
        self._terms = columns.count_terms()
        self._growing = 0

    def another(self) -> None:
        """Begin a round. Raises RuleError where round after round makes new things.

        Over the terms that there are, recursion ends; new IRIs made from new IRIs never do.
        """
        terms = self._columns.count_terms()
        self._growing = self._growing + 1 if terms > self._terms else 0
        self._terms = terms
        if self._growing > MAKING:
            names = sorted({compiled.name for compiled in self._stratum})
            raise RuleError(
                f"{', '.join(names)} never come to an end: what they find makes new things, from"
                f" which they find more, {MAKING} times over.",
                where=self._stratum[0].rule.place(),
                mend="Let none of these rules make an IRI, or a finding, from what another of"
                " them made.",
            )


class Reasoner:
    """The rules run over one projected dataset; afterwards `columns` holds what follows from it."""

    def __init__(
        self,
        columns: Columns,
        strata: Sequence[Sequence[CompiledRule]],
        ontology: Ontology,
        hidden: Iterable[int],
        memory: Memory | None = None,
    ) -> None:
        self.memory = memory or Memory(None)
        self.columns = columns
        self.strata = strata
        self.ontology = ontology
        self.rules: list[CompiledRule] = [rule for stratum in strata for rule in stratum]
        self.number = {compiled.rule.id: place for place, compiled in enumerate(self.rules)}
        self.rows = columns.limits.rows
        self._closed = -1
        self.forbidding: tuple[Axiom, ...] = ()
        self.ledger: Ledger | None = None
        con = columns.con
        con.execute(
            "CREATE OR REPLACE TABLE unassessed(node BIGINT);"
            "CREATE OR REPLACE TABLE findings(n BIGINT, node BIGINT, rule INTEGER, venture BIGINT,"
            " basis VARCHAR, effect VARCHAR, c TINYINT, value VARCHAR,"
            " bindings MAP(VARCHAR, VARCHAR));"
            'CREATE OR REPLACE TEMP TABLE "*nodes"(n BIGINT, t BIGINT)'
        )
        nodes = sorted(hidden)
        if nodes:
            con.execute("INSERT INTO unassessed SELECT unnest($nodes)", {"nodes": nodes})

    def run(self, progress: Progress | None = None) -> None:
        """Run every stratum to its fixpoint."""
        columns = self.columns
        columns.learn(
            [
                *(
                    n3
                    for rule in self.rules
                    for plan in (rule.plan, *rule.deltas)
                    for n3 in plan.constants.values()
                ),
                *(f"<{rule.rule.iri}>" for rule in self.rules),
            ]
        )
        self._found = self._told = int(columns.value("SELECT count(*) FROM findings"))
        self._judged: set[int] = set()
        self._known = False
        # a register may hold findings of an earlier assessment: then ours may have their IRIs
        self._fresh = not columns.value(
            f"SELECT count(*) FROM terms WHERE starts_with(n3, '<{IDS}finding/')"
        )
        done = 0
        for stratum in self.strata:
            for _ in self._run_stratum(stratum):
                done += 1
                if progress:
                    progress("Reasoning", done, len(self.rules))
        self._tell()

    def _run_stratum(self, stratum: Sequence[CompiledRule]) -> Iterator[CompiledRule]:
        """Run a stratum to its fixpoint; gives each rule that has been run."""
        recursive = any(compiled.deltas for compiled in stratum)
        start = self.columns.next_triple
        if not recursive and len(stratum) > 1 and self._abreast > 1 and self.ledger is None:
            yield from self._run_abreast(stratum)
            return
        for compiled in stratum:
            self._run_rule(compiled, compiled.plan, {})
            yield compiled
        if not recursive:
            return
        self._tell()
        rounds = Rounds(self.columns, stratum)
        while self.columns.next_triple > start:
            rounds.another()
            delta, start = start, self.columns.next_triple
            for compiled in stratum:
                for plan in compiled.deltas:
                    self._run_rule(compiled, plan, {"delta": delta})
            self._tell()

    @property
    def _abreast(self) -> int:
        """How many plans run at a time: one where memory is limited, for each takes of it, or
        where other cursors do not see what is there."""
        if self.columns.limits.memory is not None or self.columns.changing:
            return 1
        return min(MOST_ABREAST, int(self.columns.value("SELECT current_setting('threads')")))

    def _run_abreast(self, stratum: Sequence[CompiledRule]) -> Iterator[CompiledRule]:
        """Run rules of which none reads what another makes: their plans several at a time, what
        they conclude in their order."""
        alone = [c for c in stratum if _reads_all(c.plan) or c.closes_sameness]
        for compiled in alone:
            self._run_rule(compiled, compiled.plan, {})
            yield compiled
        if any(map(_reads_findings, (compiled.plan for compiled in stratum))):
            self._tell()
        held = self.columns.may_hold
        others = [c for c in stratum if c not in alone and all(map(held, c.plan.needs))]
        tasks = [self._task(place, compiled) for place, compiled in enumerate(others)]
        waiting: list[Made] = []
        for made in abreast(self.columns.con, tasks, self._abreast):
            waiting.append(made)
            if sum(made.rows for made in waiting) > MOST_WAITING:
                self._conclude(waiting)
                waiting.clear()
            yield made.compiled
        self._conclude(waiting)

    def _task(self, place: int, compiled: CompiledRule) -> Task[Made]:
        """What puts the solutions of a rule into the table "made <place>"."""
        plan, rule = compiled.plan, compiled.rule
        for predicate in sorted(plan.tables):
            self.columns.table(predicate)
        used = self._bound(plan, {}, rule)
        table = f'"made {place}"'

        def run(con: duckdb.DuckDBPyConnection) -> Made:
            rows = self._solve(con, f"TABLE {table}", plan, used, rule)
            return Made(compiled, plan, table, rows)

        return run

    def _run_rule(self, compiled: CompiledRule, plan: Plan, params: Mapping[str, int]) -> None:
        if compiled.closes_sameness:
            self._close_sameness(compiled)
            return
        if _reads_all(plan) or _reads_findings(plan):
            self._tell()
        spent = self.ledger.of(self.number[compiled.rule.id]) if self.ledger else None
        begin = perf_counter()
        answers = self.solved(plan, compiled.rule, params)
        if answers:
            self._conclude([Made(compiled, plan, "answers", answers)])
        if spent:
            spent.seconds += perf_counter() - begin
            spent.runs += 1
            spent.answers += answers
            spent.size = len(plan.sql)
            if all(map(self.columns.may_hold, plan.needs)):
                begin = perf_counter()
                self._bound_and_planned(plan, params, compiled.rule)
                spent.planning += perf_counter() - begin

    def _bound_and_planned(self, plan: Plan, params: Mapping[str, int], rule: Rule) -> str:
        """DuckDB's plan of a plan whose tables are there."""
        rows = self.columns.rows(f"EXPLAIN {plan.sql}", self._bound(plan, params, rule))
        return "\n".join(str(row[1]) for row in rows)

    def explained(self, compiled: CompiledRule) -> str:
        """How DuckDB goes about a rule over the tables as they are."""
        self.materialise(compiled.plan, "answers", {}, compiled.rule)
        return self._bound_and_planned(compiled.plan, {}, compiled.rule)

    def _bound(self, plan: Plan, params: Mapping[str, int], rule: Rule | None) -> dict[str, int]:
        """The parameters that a plan's SQL names."""
        bound = {key: self.columns.id_of(n3) for key, n3 in plan.constants.items()}
        if rule is not None:
            bound["own"] = self.number.get(rule.id, -1)
        return {key: value for key, value in {**bound, **params}.items() if f"${key}" in plan.sql}

    def solved(self, plan: Plan, rule: Rule, params: Mapping[str, int] = NO_PARAMS) -> int:
        """Put a rule's solutions into the table `answers`, unless there surely are none."""
        if not all(map(self.columns.may_hold, plan.needs)):
            return 0
        return self.materialise(plan, "answers", params, rule)

    def materialise(
        self, plan: Plan, name: str, params: Mapping[str, int], rule: Rule | None = None
    ) -> int:
        """Put a plan's solutions into the temporary table `name`; returns how many there are."""
        columns = self.columns
        for predicate in sorted(plan.tables):
            columns.table(predicate)
        if '"*" ' in plan.sql:
            self._make_table_of_all()
        if '"*nodes" ' in plan.sql:
            self._make_nodes()
        used = self._bound(plan, params, rule)
        return self._solve(columns.con, f"TEMP TABLE {name}", plan, used, rule)

    def _solve(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        plan: Plan,
        used: Mapping[str, int],
        rule: Rule | None,
    ) -> int:
        """Make a table of a plan's solutions; returns how many there are. Raises RuleError."""
        columns = self.columns

        def late() -> RuleError:
            told = f"was not done within {columns.limits.seconds:g} seconds"
            return self._unbounded(rule, told, "--max-seconds")

        try:
            with deadline(con, columns.limits.seconds, late):
                made = _count(
                    con.execute(
                        f"CREATE OR REPLACE {table} AS"
                        f" SELECT * FROM ({plan.sql}) LIMIT {self.rows + 1}",
                        dict(used),
                    )
                )
        except duckdb.InterruptException as error:
            raise late() from error
        except duckdb.OutOfMemoryException as error:
            raise self._unbounded(
                rule, "needs more memory than is allowed", "--memory-limit"
            ) from error
        except duckdb.Error as error:
            if too_deep(error):
                raise RuleError(
                    f"{f'rule {rule.id}' if rule else 'the pattern'} is nested too deeply.",
                    where=rule.place() if rule else "", mend="Take it apart into several.",
                ) from None  # fmt: skip
            what = f"the plan of rule {rule.id} failed" if rule else "the plan of the query failed"
            raise RuleError(
                f"{what}: {str(error).splitlines()[0]}", where=rule.place() if rule else "",
                mend="This is a fault in Holdfast's compiler; please report the rule.",
            ) from error  # fmt: skip
        if made > self.rows:
            raise self._unbounded(rule, f"has more than {self.rows:,} answers", "--max-rows")
        return made

    def _unbounded(self, rule: Rule | None, what: str, option: str) -> RuleError:
        compiled = self.rules[self.number[rule.id]] if rule and rule.id in self.number else None
        name = compiled.name if compiled else rule.id if rule else "the pattern"
        return RuleError(
            f"{name} {what}: it multiplies what it finds.",
            where=rule.place() if rule else "",
            mend="Look for patterns in it that share no variable, or for axioms that join all with"
            f" all; if it is right as it is, allow more with {option}.",
        )

    def sameness(self, compiled: CompiledRule) -> list[Edge]:
        """The triples that join equal things, without those that closing them makes."""
        table = self.columns.table(SAME)
        return self.columns.rows(
            f"SELECT s, o, c, t FROM {table} WHERE r <> {self.number[compiled.rule.id]}"
            " AND s <> o ORDER BY c, t"
        )

    def _close_sameness(self, compiled: CompiledRule) -> None:
        """Add all pairs of each set of equal things. Raises RuleError where they are too many."""
        columns, number = self.columns, self.number[compiled.rule.id]
        table = columns.table(SAME)
        last = columns.value(f"SELECT max(t) FROM {table} WHERE r <> {number}")
        if last is None or last <= self._closed:
            return
        self._closed = last
        for certainty, sets in joined(self.sameness(compiled)):
            if sum(len(members) ** 2 for members in sets) > self.rows:
                raise self._too_many_equal(max(sets, key=len))
            columns.con.execute(
                "CREATE OR REPLACE TEMP TABLE equals AS"
                " SELECT unnest($nodes::BIGINT[]) AS node, unnest($sets::BIGINT[]) AS place",
                {
                    "nodes": [node for members in sets for node in members],
                    "sets": [place for place, members in enumerate(sets) for _ in members],
                },
            )
            columns.add(
                SAME,
                f"SELECT a.node AS s, b.node AS o, {certainty}::TINYINT AS c"
                " FROM equals a JOIN equals b USING (place) WHERE a.node <> b.node",
                number,
            )

    def _too_many_equal(self, members: Sequence[int]) -> RuleError:
        labels = self.columns.labels(members[:3])
        named = ", ".join(labels[node] for node in members[:3])
        ways = self.columns.rows(
            f"SELECT r, count(*) FROM {self.columns.table(SAME)}"
            " WHERE s IN (SELECT node FROM (SELECT unnest($nodes::BIGINT[]) AS node))"
            " GROUP BY r ORDER BY 2 DESC LIMIT 1",
            {"nodes": list(members)},
        )
        by = "as stated" if ways[0][0] < 0 else f"by {self.rules[ways[0][0]].name}"
        return RuleError(
            f"{len(members):,} things are one and the same {by} ({named} …): to say so of each pair"
            f" takes {len(members) ** 2:,} triples, and {self.rows:,} are allowed.",
            mend="Take away the statement or axiom that joins them, or allow more with --max-rows.",
        )

    def _make_table_of_all(self) -> None:
        branches = " UNION ALL ".join(
            f"SELECT s, {number}::BIGINT AS p, o, c, t FROM {quoted(predicate)}"
            for predicate, number in sorted(self.columns.predicates.items())
        )
        self.columns.con.execute(f'CREATE OR REPLACE TEMP VIEW "*" AS {branches}')

    def _make_nodes(self) -> None:
        """Bring up to date the nodes of the data: whatever is subject or object of a triple."""
        since = self.columns.value('SELECT coalesce(max(t), 0) FROM "*nodes"')
        if since >= self.columns.next_triple:
            return
        ends = " UNION ALL ".join(
            f"SELECT unnest([s, o]) AS n FROM {quoted(predicate)} WHERE t >= {since}"
            for predicate in self.columns.filled_since(since)
        )
        if not ends:
            return
        self.columns.con.execute(
            f'INSERT INTO "*nodes" SELECT n, {self.columns.next_triple}'
            f" FROM (SELECT DISTINCT n FROM ({ends}))"
            ' WHERE n NOT IN (SELECT n FROM "*nodes")'
        )

    def _conclude(self, made: Sequence[Made]) -> None:
        """Add what rules infer and find, in their order; their tables are then gone."""
        found = [each for each in made if each.rows]
        self._infer([each for each in found if each.compiled.rule.kind != "judgement"])
        self._judge([each for each in found if each.compiled.rule.kind == "judgement"])
        self.columns.con.execute("".join(f"DROP TABLE {each.table};" for each in made))

    def _infer(self, made: Sequence[Made]) -> None:
        """Add the triples that rules make of their solutions."""
        rows: dict[str, list[str]] = {}
        for compiled, plan, table, _ in made:
            for name, kind in plan.columns:
                if kind == "n3":
                    self.columns.add_terms(f"SELECT {column_of(name)} FROM {table}")
            own = self.number[compiled.rule.id]
            for template in compiled.templates:
                triples = self.template_rows(template, plan, table)
                rows.setdefault(template.predicate, []).append(
                    f"SELECT s, o, c, {own} AS r FROM ({triples})"
                )
        for predicate, ways in rows.items():
            self.columns.add_each(predicate, " UNION ALL ".join(ways))

    def template_rows(self, template: Template, plan: Plan, table: str, extra: str = "") -> str:
        """A query for the triples (s, o, c) that a template makes of the solutions in `table`."""
        kinds = dict(plan.columns)
        joins: list[str] = []

        def side(term: object, letter: str) -> str:
            if isinstance(term, Variable):
                name = str(term)
                if kinds[name] == "id":
                    return f"a.{column_of(name)}"
                joins.append(f" LEFT JOIN terms n_{letter} ON n_{letter}.n3 = a.{column_of(name)}")
                return f"n_{letter}.id"
            return f"{self.columns.id_of(n3_of(term))}::BIGINT"  # type: ignore[arg-type]

        subject, value = side(template.subject, "s"), side(template.value, "o")
        more = f", {extra}" if extra else ""
        return f"SELECT {subject} AS s, {value} AS o, a.c{more} FROM {table} a{''.join(joins)}"

    def _judge(self, made: Sequence[Made]) -> None:
        """Add the findings that the solutions of rules come to."""
        if not made:
            return
        con = self.columns.con
        numbers = {self.number[each.compiled.rule.id] for each in made}
        before = self._found
        self._found += self._judged_of(made)
        found = f"(SELECT * REPLACE ({before} + n AS n) FROM judged)"
        if self._fresh and not numbers & self._judged:
            node = self.columns.append_iris(f"SELECT n, iri FROM {found}", before)
            con.execute(
                f"INSERT INTO findings BY NAME SELECT * EXCLUDE (iri), {node} AS node FROM {found}"
            )
        else:  # in a recursive stratum what was found may be found again
            self.columns.add_iris(f"SELECT iri FROM {found}")
            con.execute(
                "CREATE OR REPLACE TEMP TABLE again AS SELECT found.* EXCLUDE (iri), id AS node"
                f" FROM {found} AS found JOIN terms ON n3 = '<' || iri || '>';"
                "DELETE FROM findings USING again"
                " WHERE findings.node = again.node AND findings.c > again.c;"
                "INSERT INTO findings BY NAME"
                " FROM again WHERE node NOT IN (SELECT node FROM findings)"
            )
            self._known = True
        con.execute("DROP TABLE judged")
        self._judged |= numbers

    def judged(self, compiled: CompiledRule, plan: Plan) -> int:
        """Put the findings that the solutions in `answers` come to into the table `judged`.

        Its columns are n, counting from 1, rule, venture, basis, effect, c, value, bindings and
        iri. Returns how many there are.
        """
        return self._judged_of([Made(compiled, plan, "answers", 0)])

    def _judged_of(self, made: Sequence[Made]) -> int:
        """The same for several rules, in their order, with what they have found in their tables.

        All in one query: a query for each rule would go through the dictionary for each, too.
        """
        ranks = {self.ontology.notation(iri): rank for iri, rank in self.ontology.ranks.items()}
        most = max(len(each.plan.columns) - 1 for each in made)
        places = range(1, most + 1)
        solved: list[str] = []
        asked: list[str] = []
        for turn, (compiled, plan, table, _) in enumerate(made):
            rule = compiled.rule
            others = [(name, kind) for name, kind in plan.columns if name != "this"]
            ids = ["NULL::BIGINT"] * most
            texts = ["NULL::VARCHAR"] * most
            for place, (name, kind) in enumerate(others):
                (ids if kind == "id" else texts)[place] = column_of(name)
            given = ", ".join(
                [f"{told} AS x{place}" for place, told in zip(places, ids, strict=True)]
                + [f"{told} AS w{place}" for place, told in zip(places, texts, strict=True)]
            )
            solved.append(
                f"SELECT {turn} AS turn, {column_of('this')} AS this,"
                f" greatest(c, {ranks.get(rule.certainty, 0)}) AS c{given and ', '}{given}"
                f" FROM {table}"
            )
            names = [name for name, _ in others]
            value, chosen = (
                names.index(name) + 1 if name in names else 0 for name in ("value", "basis")
            )
            for place, basis in enumerate(rule.bases):
                concept = f"'<{self.ontology.concept(basis)}>'"
                asked.append(
                    f"({turn}, {self.number[rule.id]}, '{rule.id}', '{rule.effect}',"
                    f" {names}::VARCHAR[], {value}, {chosen}, {place}, '{basis}',"
                    f" {concept if chosen and len(rule.bases) > 1 else 'NULL'})"
                )
        said = [f"s{place}" for place in places]
        bindings = "".join(
            f" WHEN len(names) = {count}"
            + "".join(f" AND s{place} IS NOT NULL" for place in range(1, count + 1))
            + f" THEN map(names, [{', '.join(said[:count])}]::VARCHAR[])"
            for count in range(most + 1)
        )
        listed = f"([{', '.join(said)}]::VARCHAR[])"
        joins = " ".join(f"LEFT JOIN terms t{place} ON t{place}.id = x{place}" for place in places)
        texts_of = "".join(f", coalesce(t{place}.n3, w{place}) AS s{place}" for place in places)
        return _count(
            self.columns.con.execute(
                f"""
                CREATE OR REPLACE TEMP TABLE judged AS
                WITH solved AS (
                  SELECT * EXCLUDE (c), min(c) AS c FROM ({" UNION ALL ".join(solved)})
                  GROUP BY ALL),
                told AS (
                  SELECT turn, this AS venture, t.n3 AS this, c{texts_of}
                  FROM solved JOIN terms t ON t.id = this {joins}),
                asked AS (FROM (VALUES {", ".join(asked)}) AS asked(
                  turn, rule, id, effect, names, valued, chosen, place, basis, concept))
                SELECT row_number() OVER (ORDER BY turn, place, this, value, said) AS n,
                  rule, venture, basis, effect, c, coalesce(value, this) AS value, bindings,
                  '{IDS}finding/' || md5(concat_ws('|', id, basis, this, said)) AS iri
                FROM (
                  SELECT *, bindings::VARCHAR AS said FROM (
                    SELECT *, {listed}[valued] AS value, CASE{bindings}
                      ELSE map_from_entries(list_filter(list_transform(names, lambda k, place:
                        struct_pack(k := k, v := {listed}[place])), lambda x: x.v IS NOT NULL)) END
                      AS bindings
                    FROM told JOIN asked USING (turn)
                    WHERE concept IS NULL OR {listed}[chosen] = concept))
                """
            )
        )

    def _tell(self) -> None:
        """Make the findings that are not yet facts facts, for the rules that read them."""
        if self._found == self._told:
            return
        finding = self.columns.id_of(_FINDING)
        for predicate, value in self.facts():
            rows = (
                f"SELECT n, node AS s, ({value})::BIGINT AS o, c, rule AS r FROM findings"
                f" WHERE n > {self._told}"
            )
            if self._known:  # some of these findings may be facts already
                self.columns.add_each(predicate, f"SELECT s, o, c, r FROM ({rows})")
            else:
                cls = finding if predicate == RDF_TYPE else None
                self.columns.append(predicate, rows, self._told + 1, cls=cls)
        self._told, self._known = self._found, False

    @property
    def found(self) -> int:
        """The number of the last finding."""
        return self._found

    def found_more(self) -> None:
        """Take note of findings that an edit brought; they are told already."""
        self._found = max(self._found, int(self.columns.value("SELECT max(n) FROM findings")))
        self._told = self._found

    def memo(self) -> tuple[int, int]:
        """What `recall` needs to count findings from where they are now."""
        return self._found, self._told

    def recall(self, memo: tuple[int, int]) -> None:
        """Count findings from where they were."""
        self._found, self._told = memo

    def facts(self) -> list[tuple[str, str]]:
        """What a finding says of itself: predicates, and how the table `findings` gives values."""
        columns, concept = self.columns, self.ontology.concept
        told = [compiled.rule for compiled in self.rules if compiled.rule.kind == "judgement"]
        if not told:
            return []
        effects = {rule.effect: concept(rule.effect) for rule in told}
        bases = {basis: concept(basis) for rule in told for basis in rule.bases}
        rules = {str(self.number[rule.id]): rule.iri for rule in told}
        certainties = {str(rank): name for rank, name in self._certainties()}
        return [
            (RDF_TYPE, f"{columns.id_of(_FINDING)}"),
            (HF + "rule", self._chosen("rule", rules)),
            (HF + "effect", self._chosen("effect", effects)),
            (HF + "venture", "venture"),
            (HF + "basis", self._chosen("basis", bases)),
            (HF + "certainty", self._chosen("c", certainties)),
        ]

    def _chosen(self, column: str, concepts: Mapping[str, str]) -> str:
        whens = " ".join(
            f"WHEN '{value}' THEN {self.columns.id_of(f'<{iri}>')}"
            for value, iri in concepts.items()
        )
        return f"CASE {column}::VARCHAR {whens} END"

    def _certainties(self) -> list[tuple[int, str]]:
        names = ("stated", "perceived", "hedged", "derived", "estimated")
        return [
            (self.ontology.ranks[HF + name], HF + name)
            for name in names
            if HF + name in self.ontology.ranks
        ]


__all__ = ["CompiledRule", "Reasoner", "Stratum", "compile_all", "compiled"]
