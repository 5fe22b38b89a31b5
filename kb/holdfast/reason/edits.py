"""Edits: quads come and go, and what follows from them is brought up to date.

    supports(rule, node, p, s, o, c)    what a rule makes of one focus node, as triples with their
                                        certainty; a finding as the facts that tell of it

A triple is there as long as it is stated or has a support, as certain as the best of them. An edit
runs a rule again only for the focus nodes that a changed triple reaches, compares what it makes of
them now with what it made before, and hands the difference to the rules above. In a recursive
stratum, where two triples may support each other, all that hangs on a change is first taken away,
then made again. So every edit ends where a run from the beginning would end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from holdfast.columns import GIVEN, Columns, retime
from holdfast.columns.names import among, column_of, quoted
from holdfast.columns.store import SUBCLASS
from holdfast.compile import SAME, Plan, schema_keys
from holdfast.queries import reads_graphs
from holdfast.reason.fixpoint import CompiledRule, Reasoner, Rounds, plan_of
from holdfast.reason.prospects import Prospects
from holdfast.reason.reach import (
    Neighbours,
    Readings,
    reached_from,
    readings_of,
    readings_of_axioms,
)
from holdfast.vocabulary import RDF_TYPE

Quad = tuple[str, str, str, str]
"""Subject, predicate, object and graph as N-Quads terms; the graph is '' for the default graph."""

_PART = " axiom "

Numbers = tuple[int, int, int, int | None]
"""A quad with the ids of its terms; None is the default graph."""

Pair = tuple[int, int]
Support = tuple[int, int, int, int]
"""What a rule makes of a focus node: that node and a triple (p, s, o)."""

Nodes = set[int] | None
"""Focus nodes; None is all of them."""


@dataclass
class Changed:
    """What an edit altered: triples by predicate, and ventures whose findings did.

    `anew` tells that the change reached what everything hangs on, so that all was run again.
    """

    triples: dict[str, set[Pair]] = field(default_factory=lambda: defaultdict(set))
    ventures: set[int] = field(default_factory=set)
    anew: bool = False


class Edits:
    """A dataset that has been reasoned over, kept up to date through edits."""

    def __init__(self, reasoner: Reasoner, anew: Callable[[], Reasoner]) -> None:
        """Make ready for edits; `anew` projects the quads and runs every rule from the start."""
        self._anew = anew
        reasoner.columns.index_terms()
        self._take(reasoner)

    def _take(self, reasoner: Reasoner) -> None:
        self.reasoner = reasoner
        self.columns: Columns = reasoner.columns
        self._strata = [[*_parts(stratum)] for stratum in reasoner.strata]
        parts = [part for stratum in self._strata for part in stratum]
        self._number = {part.rule.id: place for place, part in enumerate(parts)}
        self._group = [reasoner.number[part.rule.id.partition(_PART)[0]] for part in parts]
        self._readings: dict[str, Readings] = {
            part.rule.id: readings_of_axioms(part.axioms.axioms)
            if part.axioms
            else readings_of(part.rule)
            for part in parts
        }
        # which graph states a triple is not told by whether the triple is there
        self._by_graph = any(not part.axioms and reads_graphs(part.rule.algebra) for part in parts)
        self._above: dict[int, list[int]] = defaultdict(list)
        ids = self.columns.ids_of(f"<{iri}>" for pair in self.columns.superclasses for iri in pair)
        for low, high in self.columns.superclasses:
            self._above[ids[f"<{low}>"]].append(ids[f"<{high}>"])
        kinds = [f"<{key.removeprefix('a ')}>" for key in schema_keys() if key.startswith("a ")]
        self.columns.learn(kinds)
        self._kinds = {self.columns.id_of(kind) for kind in kinds}
        # equal things share all that is known of each: too much to follow triple by triple
        self._equals = bool(self.columns.value(f"SELECT count(*) FROM {self.columns.table(SAME)}"))
        if not self._equals:
            self._make_supports()

    def _make_supports(self) -> None:
        con = self.columns.con
        con.execute(
            "CREATE OR REPLACE TEMP TABLE supports"
            "(rule INTEGER, node BIGINT, p BIGINT, s BIGINT, o BIGINT, c TINYINT)"
        )
        empty = self._empty()
        for compiled in (part for stratum in self._strata for part in stratum):
            if compiled.axioms and empty & {
                atom.predicate for axiom in compiled.axioms.axioms for atom in axiom.all_atoms()[0]
            }:
                continue
            plan = compiled.axioms.plan(known=True) if compiled.axioms else compiled.plan
            if compiled.rule.kind == "inference" and self.reasoner.solved(plan, compiled.rule):
                con.execute(f"INSERT INTO supports {self._made(compiled, plan)}")
        numbers = {group: place for place, group in enumerate(self._group)}
        told = " ".join(f"WHEN {group} THEN {place}" for group, place in numbers.items())
        for predicate, value in self.reasoner.facts():
            con.execute(
                f"INSERT INTO supports SELECT CASE rule {told} END, venture,"
                f" {self._predicate(predicate)}, node, ({value})::BIGINT, c FROM findings"
            )
        # what is asked for are a few subjects, or focus nodes, which mostly are the same
        con.execute("CREATE OR REPLACE TEMP TABLE supports AS FROM supports ORDER BY s")

    def _empty(self) -> set[str]:
        """The predicates without triples."""
        queries = [
            f"SELECT '{iri.replace(chr(39), chr(39) * 2)}' WHERE NOT EXISTS (FROM {quoted(iri)})"
            for iri in self.columns.predicates
        ]
        return {iri for (iri,) in self.columns.rows(" UNION ALL ".join(queries))}

    def _ruling(self, number: int) -> int:
        """The number by which the reasoner knows the rule of a support."""
        return number if number < 0 else self._group[number]

    def _made(self, compiled: CompiledRule, plan: Plan) -> str:
        """A query for the supports that the solutions in `answers` come to."""
        number = self._number[compiled.rule.id]
        branches: list[str] = []
        for template in compiled.templates:
            node = "a.v_s AS node" if compiled.axioms else "a.v_this AS node"
            rows = self.reasoner.template_rows(template, plan, "answers", node)
            predicate = self._predicate(template.predicate)
            branches.append(f"SELECT node, {predicate}::BIGINT AS p, s, o, c FROM ({rows})")
        return (
            f"SELECT {number}, node, p, s, o, min(c) FROM ({' UNION ALL '.join(branches)})"
            " WHERE s IS NOT NULL AND o IS NOT NULL AND s % 2 = 0 GROUP BY node, p, s, o"
        )

    def _predicate(self, iri: str) -> int:
        self.columns.table(iri)
        return self.columns.predicates[iri]

    # -- editing ---------------------------------------------------------------------------------

    def apply(self, removed: Iterable[Quad], added: Iterable[Quad]) -> Changed:
        """Take quads away and add others; bring facts and findings up to date.

        What is not there cannot be taken away, and what is there is not added again. A triple
        taken from one graph stays as long as another states it.
        """
        self._changed = Changed()
        self._shaken: dict[str, set[Pair]] = defaultdict(set)
        self._stated: dict[int, set[int]] = {}
        self._neighbours = Neighbours(self.columns)
        self._prospects = Prospects(self.columns, self._neighbours)
        coming = dict.fromkeys(added)
        edited = self._edit_quads([quad for quad in removed if quad not in coming], list(coming))
        if not edited:
            return self._changed
        touched = None if self._equals or self._by_graph else retime(self.columns, edited)
        if touched is None:
            return self._again()
        self._iris = {number: iri for iri, number in self.columns.predicates.items()}
        self._settle(touched)
        if self._is_schema():
            return self._again()
        for stratum in self._strata:
            self._bring_up(stratum)
        return self._again() if self._changed.triples.get(SAME) else self._changed

    def _again(self) -> Changed:
        """Run everything from the beginning over the quads as they are now."""
        self._take(self._anew())
        self._changed.anew = True
        return self._changed

    @contextmanager
    def undone(self) -> Iterator[None]:
        """A block after which all is as it was before."""
        self.begin()
        try:
            yield
        finally:
            self.undo()

    def begin(self) -> None:
        """Begin edits that will be kept together or undone together."""
        columns, reasoner = self.columns, self.reasoner
        before = dict(self.__dict__)
        self._before = columns, columns.begin(), reasoner, reasoner.memo(), before

    def keep(self) -> None:
        """Keep what was done since `begin`."""
        self.columns.keep()
        del self._before

    def undo(self) -> None:
        """Undo what was done since `begin`."""
        columns, memo, reasoner, counted, before = self._before
        columns.undo(memo)
        reasoner.recall(counted)
        self.__dict__.clear()
        self.__dict__.update(before)

    def _edit_quads(self, removed: list[Quad], added: list[Quad]) -> list[Numbers]:
        """Take quads away and add others; gives those that were there, or were not."""
        columns = self.columns
        columns.learn(term for quad in (*removed, *added) for term in quad if term)
        if not (removed or added):
            return []

        def numbers(quad: Quad) -> Numbers:
            s, p, o = map(columns.id_of, quad[:3])
            return s, p, o, columns.id_of(quad[3]) if quad[3] else None

        gone, fresh = [numbers(quad) for quad in removed], [numbers(quad) for quad in added]
        subjects = {quad[0] for quad in (*gone, *fresh)}
        self._stated = {subject: set() for subject in subjects}
        there: dict[Numbers, list[int]] = defaultdict(list)
        going = {*gone}
        for s, p, o, g, background, row in columns.rows(
            f"SELECT s, p, o, g, background, rowid FROM quads WHERE {among('s', subjects)}"
        ):
            if not background:
                there[s, p, o, g].append(row)
            if background or (s, p, o, g) not in going:
                self._stated[s].add(p)
        gone = [quad for quad in dict.fromkeys(gone) if quad in there]
        fresh = [quad for quad in dict.fromkeys(fresh) if quad not in there]
        if gone:
            rows = among("rowid", (row for quad in gone for row in there[quad]))
            columns.con.execute(f"DELETE FROM quads WHERE {rows}")
        if fresh:
            columns.con.execute(
                "INSERT INTO quads SELECT *, false FROM"
                f" (VALUES {_listed(fresh)}) AS fresh(s, p, o, g)"
            )
            for s, p, _, _ in fresh:
                self._stated[s].add(p)
        return [*gone, *fresh]

    def _is_schema(self) -> bool:
        """Whether the edit alters axioms."""
        changed = self._changed.triples
        altered = {value for _, value in changed.get(RDF_TYPE, ())}
        return bool(altered & self._kinds) or any(changed.get(key) for key in schema_keys())

    # -- triples ---------------------------------------------------------------------------------

    def _settle(self, triples: Iterable[tuple[int, int, int]]) -> None:
        """Bring triples (p, s, o) to what the quads and the supports now make of them."""
        by_predicate: dict[int, set[Pair]] = defaultdict(set)
        for predicate, subject, value in triples:
            by_predicate[predicate].add((subject, value))
        if not by_predicate:
            return
        for predicate in by_predicate:
            self._iri(predicate)
        typing = self.columns.predicates[RDF_TYPE]
        typed = {subject for subject, _ in by_predicate.pop(typing, ())}
        if typed:
            which = f"p = {typing} AND {among('s', typed)}"
            wanted = self._wanted(which, {(typing, subject) for subject in typed})
            self._settle_types(wanted[typing], typed)
        if not by_predicate:
            return
        places = {(p, s) for p, pairs in by_predicate.items() for s, _ in pairs}
        which = f"{among('p', by_predicate)} AND {among('s', (s for _, s in places))}"
        wanted = self._wanted(which, places)
        for predicate in sorted(by_predicate):
            self._write(self._iri(predicate), by_predicate[predicate], wanted[predicate])

    def _iri(self, predicate: int) -> str:
        if predicate not in self._iris:
            iri = self.columns.value("SELECT lex FROM terms WHERE id = $p", {"p": predicate})
            self._iris[predicate] = str(iri)
            self.columns.table(str(iri))
        return self._iris[predicate]

    def _wanted(self, which: str, places: set[Pair]) -> dict[int, dict[Pair, Pair]]:
        """The triples that should be there, each with its certainty and rule, by predicate.

        `places` are their predicates and subjects.
        """
        found: dict[int, dict[Pair, Pair]] = defaultdict(dict)
        ways = [f"SELECT p, s, o, c, rule FROM supports WHERE {which}"]
        ways += [f"SELECT p, s, o, c, r FROM {view} WHERE {which}" for view in self._seen(places)]
        for predicate, subject, value, certainty, rule in self.columns.rows(
            " UNION ALL ".join(ways)
        ):
            ground = certainty, self._ruling(rule)
            known = found[predicate].get((subject, value), ground)
            found[predicate][subject, value] = min(known, ground)
        return found

    def _seen(self, places: set[Pair]) -> list[str]:
        """The views that may tell of these predicates and subjects; reading them takes long."""
        if unread := {subject for _, subject in places} - self._stated.keys():
            self._stated |= {subject: set() for subject in unread}
            for predicate, subject in self.columns.rows(
                f"SELECT DISTINCT p, s FROM quads WHERE {among('s', unread)}"
            ):
                self._stated[subject].add(predicate)
        given = {self.columns.predicates.get(iri) for iri in GIVEN}
        views = {
            "stated": any(predicate in self._stated[subject] for predicate, subject in places),
            "given": any(predicate in given for predicate, _ in places),
        }
        return [view for view, told in views.items() if told]

    def _settle_types(self, wanted: dict[Pair, Pair], nodes: set[int]) -> None:
        for (node, cls), (certainty, _) in list(wanted.items()):
            for high in self._above.get(cls, ()):
                following = certainty, SUBCLASS
                known = wanted.get((node, high))
                if known is None or certainty < known[0]:
                    wanted[node, high] = following
        there = self.columns.rows(f"SELECT s, o FROM {quoted(RDF_TYPE)} WHERE {among('s', nodes)}")
        self._write(RDF_TYPE, {*((s, o) for s, o in there), *wanted}, wanted)

    def _write(self, iri: str, pairs: set[Pair], wanted: Mapping[Pair, Pair]) -> None:
        columns, table = self.columns, self.columns.table(iri)
        self._shaken[iri] |= pairs
        subjects = among("s", (subject for subject, _ in pairs))
        there = {
            (subject, value): certainty
            for subject, value, certainty in columns.rows(
                f"SELECT s, o, c FROM {table} WHERE {subjects}"
            )
        }
        gone = [
            pair for pair in pairs if pair in there and wanted.get(pair, (None,))[0] != there[pair]
        ]
        fresh = sorted(
            pair for pair in pairs if pair in wanted and there.get(pair) != wanted[pair][0]
        )
        if gone:
            for subject, value in gone:
                self._neighbours.note(iri, subject, value, gone=True)
            subjects = among("s", (subject for subject, _ in gone))
            columns.con.execute(
                f"DELETE FROM {table} WHERE {subjects} AND (s, o) IN ({_listed(gone)})"
            )
        if fresh:
            rows = [
                f"({s}, {o}, {wanted[s, o][0]}, {columns.next_triple + place}, {wanted[s, o][1]})"
                for place, (s, o) in enumerate(fresh)
            ]
            columns.con.execute(f"INSERT INTO {table} VALUES {', '.join(rows)}")
            columns.next_triple += len(fresh)
            columns.note(iri, (value for _, value in fresh))
            for subject, value in fresh:
                self._neighbours.note(iri, subject, value, gone=False)
        self._changed.triples[iri] |= {*gone, *fresh}

    # -- rules -----------------------------------------------------------------------------------

    def _bring_up(self, stratum: Sequence[CompiledRule]) -> None:
        if not any(compiled.deltas for compiled in stratum):
            reached = self._reached(stratum, self._changed.triples)
            self._settle(self._redo(stratum, reached))
            return
        # a triple that lost a ground and is still there may be there by its own support alone
        reached = self._reached(stratum, self._shaken)
        hanging: dict[str, Nodes] = {compiled.rule.id: set() for compiled in stratum}
        while grown := _grown(hanging, reached):
            supports = self._supports(stratum, grown)
            reached = self._reached(stratum, self._by_iri(_triples(supports)))
        if all(nodes == set() for nodes in hanging.values()):
            return
        self._settle(_triples(self._forget(stratum, hanging)))
        waiting = hanging
        rounds = Rounds(self.columns, stratum)
        while any(nodes is None or nodes for nodes in waiting.values()):
            rounds.another()
            made = self._redo(stratum, waiting)
            self._settle(made)
            waiting = self._reached(stratum, self._by_iri(made))

    def _by_iri(self, triples: Iterable[tuple[int, int, int]]) -> dict[str, set[Pair]]:
        found: dict[str, set[Pair]] = defaultdict(set)
        for predicate, subject, value in triples:
            found[self._iri(predicate)].add((subject, value))
        return found

    def _reached(
        self, stratum: Sequence[CompiledRule], changes: Mapping[str, set[Pair]]
    ) -> dict[str, Nodes]:
        """The focus nodes of each rule that changed triples may matter to."""
        found: dict[str, Nodes] = {}
        for compiled in stratum:
            readings = self._readings[compiled.rule.id]
            nodes: Nodes = set()
            for iri, pairs in changes.items():
                if nodes is None or not pairs:
                    continue
                if readings.everywhere:
                    nodes = None
                    break
                triples = [(s, self.columns.predicates[iri], o) for s, o in pairs]
                for occurrence in readings.of(iri):
                    more = reached_from(occurrence, triples, self._neighbours)
                    if more is None:
                        nodes = None
                        break
                    nodes |= more
            found[compiled.rule.id] = nodes
        return found

    def _supports(
        self, rules: Iterable[CompiledRule], reached: Mapping[str, Nodes]
    ) -> dict[str, dict[Support, int]]:
        """What rules make of the focus nodes that are reached, with its certainty, by rule."""
        names = {self._number[c.rule.id]: c.rule.id for c in rules if reached[c.rule.id] != set()}
        if not names:
            return {}
        found: dict[str, dict[Support, int]] = {name: {} for name in names.values()}
        asked = [reached[name] for name in found]
        which = [among("rule", names)]
        if None not in asked:
            which.append(among("node", (node for nodes in asked for node in nodes or ())))
        for rule, node, p, s, o, c in self.columns.rows(
            f"SELECT rule, node, p, s, o, c FROM supports WHERE {' AND '.join(which)}"
        ):
            nodes = reached[names[rule]]
            if nodes is None or node in nodes:
                found[names[rule]][node, p, s, o] = c
        return found

    def _forget(
        self, rules: Sequence[CompiledRule], reached: Mapping[str, Nodes]
    ) -> dict[str, dict[Support, int]]:
        """Take away what rules made of some focus nodes, findings too; gives what that was."""
        forgotten = self._supports(rules, reached)
        self._unsupport([(self._number[n], *key) for n, own in forgotten.items() for key in own])
        for compiled in rules:
            nodes = reached[compiled.rule.id]
            if compiled.rule.kind != "judgement" or nodes == set():
                continue
            number = self.reasoner.number[compiled.rule.id]
            which = "" if nodes is None else f" AND {among('venture', nodes)}"
            lost = self.columns.rows(
                f"DELETE FROM findings WHERE rule = {number}{which} RETURNING venture"
            )
            self._changed.ventures |= {venture for (venture,) in lost}
        return forgotten

    def _unsupport(self, supports: Collection[tuple[int, ...]]) -> None:
        """Take supports (rule, node, p, s, o) away."""
        if supports:
            self.columns.con.execute(
                f"DELETE FROM supports WHERE {among('rule', (key[0] for key in supports))}"
                f" AND {among('s', (key[3] for key in supports))}"
                f" AND (rule, node, p, s, o) IN ({_listed(supports)})"
            )

    def _redo(
        self, rules: Sequence[CompiledRule], reached: Mapping[str, Nodes]
    ) -> list[tuple[int, int, int]]:
        """Run rules again for the focus nodes that are reached; returns the triples whose support
        changed. What one of them makes, the others see the next time."""
        before = self._supports(rules, reached)
        lost: list[tuple[int, ...]] = []
        made: list[tuple[int, ...]] = []
        for compiled in rules:
            if compiled.rule.id not in before:
                continue
            own, number = before[compiled.rule.id], self._number[compiled.rule.id]
            now = self._made_now(compiled, reached[compiled.rule.id])
            altered = {key for key in {*own, *now} if own.get(key) != now.get(key)}
            lost += ((number, *key) for key in altered if key in own)
            made += ((number, *key, now[key]) for key in sorted(altered) if key in now)
            if altered and compiled.rule.kind == "judgement":
                self._refind(compiled, {s for _, _, s, _ in altered}, {s for _, _, s, _ in now})
                self._changed.ventures |= {node for node, _, _, _ in altered}
        self._unsupport(lost)
        if made:
            self.columns.con.execute(f"INSERT INTO supports VALUES {_listed(made)}")
        return [(p, s, o) for _, _, p, s, o, *_ in (*lost, *made)]

    def _made_now(self, compiled: CompiledRule, nodes: Nodes) -> dict[Support, int]:
        """What a rule makes of some focus nodes as things are, with its certainty.

        Of a rule that judges, the findings are in the table `refound` where there are any.
        """
        columns = self.columns
        plan = self._plan(compiled, nodes)
        if plan is None or not self.reasoner.solved(plan, compiled.rule):
            return {}
        if compiled.rule.kind == "judgement":
            query = self._judged(compiled, plan)
        else:
            for name, kind in plan.columns:
                if kind == "n3":
                    columns.add_terms(f"SELECT {column_of(name)} FROM answers")
            query = self._made(compiled, plan)
        return {(node, p, s, o): c for _, node, p, s, o, c in columns.rows(query)}

    def _plan(self, compiled: CompiledRule, nodes: Nodes) -> Plan | None:
        """The plan of a rule for some focus nodes; None where it surely has no answer for any."""
        if compiled.axioms:
            plan = compiled.axioms.plan(known=True, among=nodes is not None)
            return plan if nodes is None else plan.among(nodes)
        if nodes is None:
            return compiled.plan
        likely = self._prospects.of(compiled.rule, nodes)
        if not likely:
            return None
        plan, _ = plan_of(compiled.rule, self.reasoner.memory, among=True)
        return plan.among(likely)

    def _judged(self, compiled: CompiledRule, plan: Plan) -> str:
        """A query for the supports that the findings in `answers` come to."""
        self.reasoner.judged(compiled, plan)
        told = [iri for (iri,) in self.columns.rows("SELECT iri FROM judged")]
        ids = self.columns.ids(f"<{iri}>" for iri in told)
        number = self.reasoner.number[compiled.rule.id]
        self.columns.con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE refound AS
            SELECT {self.reasoner.found} + n AS n, id AS node, {number} AS rule, venture, basis,
              '{compiled.rule.effect}' AS effect, c, value, bindings
            FROM judged JOIN (
              SELECT unnest($iris::VARCHAR[]) AS iri, unnest($ids::BIGINT[]) AS id) USING (iri)
            """,
            {"iris": told, "ids": [ids[f"<{iri}>"] for iri in told]},
        )
        own = self._number[compiled.rule.id]
        return " UNION ALL ".join(
            f"SELECT {own}, venture, {self._predicate(predicate)}::BIGINT, node,"
            f" ({value})::BIGINT, c FROM refound"
            for predicate, value in self.reasoner.facts()
        )

    def _refind(self, compiled: CompiledRule, altered: set[int], now: set[int]) -> None:
        """Bring the table of findings to those that a rule has now."""
        con = self.columns.con
        listed = ", ".join(map(str, altered))
        number = self.reasoner.number[compiled.rule.id]
        con.execute(f"DELETE FROM findings WHERE rule = {number} AND node IN ({listed})")
        if altered & now:
            con.execute(f"INSERT INTO findings FROM refound WHERE node IN ({listed})")
            self.reasoner.found_more()


def _parts(stratum: Iterable[CompiledRule]) -> Iterator[CompiledRule]:
    """The rules of a stratum, those that stand for several axioms taken apart.

    An edit reaches few axioms of a kind, and the plan of all is large.
    """
    for compiled in stratum:
        if compiled.axioms is None:
            yield compiled
            continue
        for place, axiom in enumerate(compiled.axioms.axioms):
            name = f"{compiled.rule.id}{_PART}{place}"
            yield replace(
                compiled,
                rule=replace(compiled.rule, id=name),
                axioms=replace(compiled.axioms, axioms=(axiom,)),
            )


def _grown(hanging: dict[str, Nodes], reached: Mapping[str, Nodes]) -> dict[str, Nodes] | None:
    """Add what was reached to what hangs on a change; returns what of it is new, if anything."""
    more: dict[str, Nodes] = {}
    for name, nodes in reached.items():
        known = hanging[name]
        if known is None:
            more[name] = set()
        elif nodes is None:
            more[name] = hanging[name] = None
        else:
            more[name] = nodes - known
            known |= nodes
    return more if any(nodes is None or nodes for nodes in more.values()) else None


def _triples(supports: Mapping[str, Iterable[Support]]) -> set[tuple[int, int, int]]:
    return {(p, s, o) for own in supports.values() for _, p, s, o in own}


def _listed(rows: Iterable[tuple[int | None, ...]]) -> str:
    return ", ".join(
        f"({', '.join('NULL' if value is None else str(value) for value in row)})" for row in rows
    )
