"""The assessment of the registers, in a process of its own.

It can be killed: a question that takes too long costs whoever asks an answer, and everybody else
no more than the time in which the registers are assessed again.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from time import monotonic
from traceback import format_exc
from typing import Any

import duckdb
import pyoxigraph as ox

from holdfast import errors
from holdfast.assess import (
    Assessment,
    Contradiction,
    Finding,
    VentureAssessment,
    assess,
    contradiction_of,
)
from holdfast.assess import judged_ventures as judged
from holdfast.columns import Limits
from holdfast.columns.deadline import interrupted
from holdfast.columns.names import quoted
from holdfast.columns.store import AS_OF, STATED
from holdfast.compare import compare
from holdfast.errors import HoldfastError
from holdfast.explain import explain, why_not
from holdfast.reason import Reasoner
from holdfast.reason.edits import Quad
from holdfast.reason.entailment import contradictions
from holdfast.remedies import remedies
from holdfast.render import (
    explanations_json,
    outcome_json,
    remedies_json,
    turtle_of,
    why_not_json,
)
from holdfast.vocabulary import HF
from holdfast.whatif import (
    Change,
    clashing,
    must_be_stated,
    operations_in,
    quads_in_turtle,
    reasons_for,
    what_if,
)

STARTING = 1800.0
"""Seconds that the registers may take to be assessed."""

GRACE = 5.0
"""Seconds that a question may take to end once it is interrupted."""


class Busy(Exception):
    """The assessor is at work on another question."""


class TookTooLong(Exception):
    """A question took longer than it may, and was given up."""


class Ended(Exception):
    """The process ended before it could answer, most likely for want of memory."""


class Fault(Exception):
    """A question met a fault of ours; says how Python tells it, line by line."""


@dataclass(frozen=True)
class Judged:
    """What the assessment of all registers came to; plain values, whatever becomes of the process.

    Findings come without evidence; `Assessor.venture` adds it.
    """

    as_of: str
    asked: str | None
    triples: int
    seconds: Mapping[str, float]
    ventures: tuple[VentureAssessment, ...]
    left_out: Mapping[str, str]
    contradictions: tuple[Contradiction, ...]
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class Edited:
    """What an edit changed: ventures as they are judged now, those that are gone, and findings.

    `lost` and `gained` are findings, each with the IRI of its venture. `contradictions` are all
    that there are now.
    """

    contradictions: tuple[Contradiction, ...] = ()
    ventures: tuple[VentureAssessment, ...] = ()
    gone: tuple[str, ...] = ()
    lost: tuple[tuple[str, Finding], ...] = ()
    gained: tuple[tuple[str, Finding], ...] = ()


@dataclass
class Derived:
    """What follows from the registers, as N-Triples: to be added, and to be taken away.

    With `whole`, what is to be added is all there is, and `digest` names it. `triples` counts what
    the registers state.
    """

    whole: bool
    triples: int
    # each one text: a million of them would be taken in without letting another thread run
    added: str = ""
    removed: str = ""
    digest: str = ""


class Assessor:
    """Assesses sources, and answers questions about them one at a time."""

    def __init__(
        self,
        sources: Callable[[], Sequence[str]],
        *,
        as_of: str | None = None,
        rules: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Nothing is read before the first question; `sources` says then what there is."""
        self._sources = sources
        self._given = (as_of, rules, limits)
        self._lock, self._asking = Lock(), Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._stopped = False

    def judged(self) -> Judged:
        """All ventures as they are judged. Raises HoldfastError for sources that cannot be used."""
        with self.turn(STARTING) as put:
            result = put("judged", seconds=STARTING)
        assert isinstance(result, Judged)
        return result

    def ask(self, question: str, *, seconds: float, **given: Any) -> Any:
        """The answer to a question, which is the name of a method of `_Desk`.

        Raises Busy where others are not answered within `seconds`, TookTooLong where this one is
        not; where it cannot be interrupted the process is ended, and a new one assesses the sources
        when next asked. So it is where Ended is raised, or Fault. Raises HoldfastError for what the
        asker can mend.
        """
        until = monotonic() + seconds
        with _held(self._asking, seconds), self.turn(until - monotonic()) as put:
            return put(question, seconds=seconds, **given)

    @contextmanager
    def turn(self, seconds: float) -> Iterator[Callable[..., Any]]:
        """A block in which nobody else is answered; it gives how to ask in it.

        It waits for the question that is being answered, not for those that wait: however many ask,
        an edit is soon made. Raises Busy after so many seconds.
        """
        with _held(self._lock, seconds):
            yield self._put

    def _put(self, question: str, *, seconds: float, **given: Any) -> Any:
        try:
            pipe = self._running()
            pipe.send((question, given, seconds))
            if not pipe.poll(seconds + GRACE):
                self._end()
                raise TookTooLong
            kind, answer = pipe.recv()
            if kind == "fault":  # what it knows may be half of an edit
                self._end()
        except (EOFError, OSError) as error:
            self._end()
            raise Ended from error
        _raise_for(kind, answer)
        return answer

    def close(self) -> None:
        """End the process once its question is answered; the next question begins another."""
        with self._lock:
            self._end()

    def stop(self) -> None:
        """End the process for good, whatever it is at."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()
        self.close()

    def _running(self) -> Connection:
        if self._process is None or not self._process.is_alive() or self._pipe is None:
            self._end()
            if self._stopped:
                raise HoldfastError("the service is stopping.", mend="Ask again once it is back.")
            spawn = multiprocessing.get_context("spawn")
            self._pipe, far = spawn.Pipe()
            process = spawn.Process(
                target=_work,
                args=(far, tuple(self._sources()), *self._given),
                name="holdfast-assessor",
                daemon=True,
            )
            process.start()
            self._process = process
            far.close()
            if self._stopped:  # it may have been too early to be killed
                self._end()
                raise EOFError
            if not self._pipe.poll(STARTING):
                self._end()
                raise TookTooLong
            kind, answer = self._pipe.recv()
            if kind != "ready":
                self._end()
            _raise_for(kind, answer)
        return self._pipe

    def _end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._pipe = self._process = None


@contextmanager
def _held(lock: Lock, seconds: float) -> Iterator[None]:
    if not lock.acquire(timeout=max(seconds, 0.0)):
        raise Busy
    try:
        yield
    finally:
        lock.release()


def _raise_for(kind: str, answer: Any) -> None:
    """Raise what a process tells of instead of an answer, if it does."""
    if kind == "fault":
        raise Fault(answer)
    if kind == "late":
        raise TookTooLong
    if kind == "refused":
        name, what, where, mend = answer
        raise getattr(errors, name, HoldfastError)(what, where=where, mend=mend)


def _work(
    pipe: Connection,
    sources: tuple[str, ...],
    as_of: str | None,
    rules: Path | None,
    limits: Limits | None,
) -> None:
    """Assess, then answer until nobody asks any more."""
    try:
        with _refusals(pipe) as answered:
            desk = _Desk(
                assess(
                    sources,
                    as_of=as_of,
                    rules=rules,
                    evidence=False,
                    editable=True,  # of any time it may be asked what a change would alter
                    limits=limits,
                ),
                as_of,
            )
            answered("ready", None)
        while True:
            question, given, seconds = pipe.recv()
            desk.until = monotonic() + seconds
            with _refusals(pipe, desk.until) as answered, desk.interrupted(seconds):
                answered("answer", getattr(desk, question)(**given))
    except (EOFError, OSError, KeyboardInterrupt):
        return


@contextmanager
def _refusals(pipe: Connection, until: float = math.inf) -> Iterator[Any]:
    """Send what the block answers, or how it refuses to; what fails after `until` was too late."""
    try:
        yield lambda kind, answer: pipe.send((kind, answer))
    except (HoldfastError, duckdb.InterruptException) as error:
        if monotonic() >= until:
            pipe.send(("late", None))
        elif isinstance(error, HoldfastError):
            pipe.send(("refused", (type(error).__name__, error.what, error.where, error.mend)))
        else:
            pipe.send(("fault", format_exc()))
    except (EOFError, OSError):
        raise
    except Exception:
        pipe.send(("fault", format_exc()))


class _Desk:
    """The questions that an assessment answers; each method is one."""

    def __init__(self, assessment: Assessment, as_of: str | None) -> None:
        self._assessment = assessment
        self._as_of = as_of
        self._waiting: Edited | None = None
        self.until = math.inf
        """When the question that is being answered must have its answer."""

    def interrupted(self, seconds: float) -> AbstractContextManager[None]:
        """A block in which what takes longer is interrupted."""
        return interrupted(self._assessment.columns.con, seconds)

    def judged(self) -> Judged:
        """All ventures."""
        found = self._assessment
        return Judged(
            as_of=found.as_of,
            asked=self._as_of,
            triples=found.triples,
            seconds=found.seconds,
            ventures=tuple(found.ventures),
            left_out=found.left_out,
            contradictions=found.inconsistencies,
            doubts=tuple(found.doubts()),
        )

    def venture(self, venture: str) -> VentureAssessment:
        """One venture with the evidence of each finding."""
        found = self._assessment
        plain = found.venture(venture)
        ids = found.columns.ids_of([f"<{plain.iri}>"]).values()
        clashes = contradictions(found.columns, found.reasoner.forbidding)
        whole = judged(found.reasoner, found.ontology, evidence=True, among=ids, clashes=clashes)
        return next(iter(whole), plain)

    def explain(self, venture: str, basis: str | None = None, rule: str | None = None) -> str:
        """The findings about a venture with their proofs, as JSON."""
        found = self._assessment
        return explanations_json(
            found.venture(venture), explain(found, venture, basis=basis, rule=rule), self._as_of
        )

    def why_not(self, venture: str, rule: str) -> str:
        """Why a rule does not fire, as JSON."""
        found = self._assessment
        return why_not_json(found.venture(venture), why_not(found, venture, rule), self._as_of)

    def compare(self, first: str, second: str) -> dict[str, Any]:
        """Two ventures side by side."""
        return asdict(compare(self._assessment, first, second))

    def what_if(self, update: str = "", add: str = "", remove: str = "") -> str:
        """What a change would alter, as JSON; nothing is changed."""
        steps: list[Any] = []
        if update:
            steps += operations_in(update, where="the change")
        if add or remove:
            less = quads_in_turtle(remove, where="remove") if remove else ()
            must_be_stated(self._assessment, less)
            steps.append(Change(quads_in_turtle(add, where="add") if add else (), less))
        if not steps:
            raise HoldfastError(
                "there is no change to be tried.",
                mend="Give an update, or triples to add or remove.",
            )
        outcome = what_if(self._assessment, steps)
        reasons = reasons_for(self._assessment, steps, outcome)
        return outcome_json(self._assessment, outcome, reasons, self._as_of)

    def remedies(self, venture: str, basis: str | None = None) -> str:
        """What would help a venture, each change tried for which there is time, as JSON."""
        found = self._assessment
        # one that is begun in time is to end in time as well
        seconds = (self.until - monotonic()) * 0.8
        answer = remedies(found, venture, basis=basis, seconds=seconds)
        return remedies_json(found, answer, self._as_of)

    # -- edits -----------------------------------------------------------------------------------

    def edit(self, removed: Sequence[Quad], added: Sequence[Quad]) -> tuple[Edited, Derived] | None:
        """Make an edit, to be kept or undone; nobody is asked anything in between.

        None where quads are to be removed that are not known here: then all must be assessed anew.
        """
        found = self._assessment
        edits = found.edits()
        removed, added = [*map(_own, removed)], [*map(_own, added)]
        terms = {term for quad in removed for term in quad if term}
        if len(found.columns.ids_of(terms)) < len(terms):
            return None
        edits.begin()
        try:
            changed = edits.apply(removed, added)
            clashes = contradictions(found.columns, edits.reasoner.forbidding)
            concerned = {node for clash in clashes for node in clash.ventures}
            touched = changed.ventures | concerned | {*clashing(found)}
            now = judged(
                edits.reasoner,
                found.ontology,
                evidence=False,
                among=None if changed.anew else touched,
                clashes=clashes,
            )
            told = tuple(
                contradiction_of(found.columns, found.ontology, clash) for clash in clashes
            )
        except BaseException:
            edits.undo()
            raise
        names = {venture.iri for venture in now}
        nodes = found.columns.ids_of(f"<{venture.iri}>" for venture in found.ventures)
        before = [
            venture
            for venture in found.ventures
            if changed.anew or venture.iri in names or nodes.get(f"<{venture.iri}>") in touched
        ]
        one, other = _by_iri(before), _by_iri(now)
        edited = Edited(
            contradictions=told,
            ventures=tuple(now),
            gone=tuple(sorted({venture.iri for venture in before} - names)),
            lost=tuple(pair for iri, pair in one.items() if iri not in other),
            gained=tuple(pair for iri, pair in other.items() if iri not in one),
        )
        self._waiting = edited
        if changed.anew:
            return edited, self._derived(edits.reasoner, now)
        follows, fell = self._inferred_among(changed.triples)
        follows += self._told(now)
        fell += self._told(before)
        return edited, Derived(False, self._stated(), "\n".join(follows), "\n".join(fell))

    def keep(self) -> None:
        """Keep the edit."""
        found, edited = self._assessment, self._waiting
        assert edited is not None
        found.edits().keep()
        found.reasoner = found.edits().reasoner
        found.inconsistencies = edited.contradictions
        ventures = {venture.iri: venture for venture in found.ventures}
        for iri in edited.gone:
            ventures.pop(iri)
        ventures |= {venture.iri: venture for venture in edited.ventures}
        found.ventures = [ventures[iri] for iri in sorted(ventures)]
        self._waiting = None

    def undo(self) -> None:
        """Undo the edit."""
        self._assessment.edits().undo()
        self._waiting = None

    # -- what follows ----------------------------------------------------------------------------

    def derived(self) -> Derived:
        """All that was inferred, and all findings and standings."""
        return self._derived(self._assessment.reasoner, self._assessment.ventures)

    def _derived(self, reasoner: Reasoner, ventures: Iterable[VentureAssessment]) -> Derived:
        columns = reasoner.columns
        lines = [
            line
            for predicate in sorted(columns.predicates)
            for (line,) in columns.rows(
                f"{_LINES} FROM {quoted(predicate)} AS made {_NAMES} WHERE {_INFERRED}",
                {"p": predicate},
            )
        ]
        text = "\n".join(sorted([*lines, *self._told(ventures)]))
        return Derived(True, self._stated(), text, digest=sha256(text.encode()).hexdigest())

    def _stated(self) -> int:
        return int(
            self._assessment.columns.value("SELECT count(*) FROM quads WHERE NOT background")
        )

    def _inferred_among(
        self, touched: Mapping[str, set[tuple[int, int]]]
    ) -> tuple[list[str], list[str]]:
        columns = self._assessment.columns
        added: list[str] = []
        removed: list[str] = []
        for predicate, pairs in touched.items():
            if not pairs:
                continue
            listed = ", ".join(f"({s}, {o})" for s, o in sorted(pairs))
            rows = columns.rows(
                f"SELECT line, inferred FROM ({_LINES}, there.r IS NOT NULL AND {_INFERRED_NOW}"
                f" AS inferred FROM (VALUES {listed}) AS made(s, o)"
                f" LEFT JOIN {columns.table(predicate)} AS there USING (s, o) {_NAMES}"
                " WHERE sn.cls <> 1 AND o.cls <> 1)",
                {"p": predicate},
            )
            added += [line for line, inferred in rows if inferred]
            removed += [line for line, inferred in rows if not inferred]
        return added, removed

    def _told(self, ventures: Iterable[VentureAssessment]) -> list[str]:
        listed = list(ventures)
        known = {f"<{venture.iri}>" for venture in listed}
        return [
            f"{triple.subject} {triple.predicate} {triple.object} ."
            for triple in ox.parse(turtle_of(self._assessment, listed), format=ox.RdfFormat.TURTLE)
            # what a venture is called is in its register already
            if str(triple.subject) not in known or triple.predicate.value == HF + "stage"
        ]


_LINES = "SELECT sn.n3 || ' <' || $p || '> ' || o.n3 || ' .' AS line"
_NAMES = "JOIN terms sn ON sn.id = made.s JOIN terms o ON o.id = made.o"
# blank nodes have other names in the index, so what follows about them cannot be told there
_INFERRED = f"made.r NOT IN ({STATED}, {AS_OF}) AND sn.cls <> 1 AND o.cls <> 1"
_INFERRED_NOW = f"there.r NOT IN ({STATED}, {AS_OF})"


def _own(quad: Quad) -> Quad:
    """A quad of the registers as the columns name its blank nodes: those of their first source."""
    s, p, o, g = (f"_:f1-{term[2:]}" if term.startswith("_:") else term for term in quad)
    return s, p, o, g


def _by_iri(ventures: Iterable[VentureAssessment]) -> dict[str, tuple[str, Finding]]:
    return {
        finding.iri: (venture.iri, finding) for venture in ventures for finding in venture.findings
    }
