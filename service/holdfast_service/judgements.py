"""How the registers are judged: now, kept up to date through edits; and as of other times."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, RLock
from typing import Any

from holdfast.assess import Finding
from holdfast.columns import Limits
from holdfast.errors import HoldfastError, UnknownNameError
from holdfast.reason.edits import Quad
from holdfast_service import logs
from holdfast_service.assessor import (
    Assessor,
    Busy,
    Derived,
    Edited,
    Ended,
    Fault,
    TookTooLong,
)
from holdfast_service.landscape import Landscape
from holdfast_service.problem import Problem

OTHER_TIMES = 2
"""For how many other dates or phases assessments are kept at hand."""

ENDED = "The assessment ended before it could answer; it may have needed more memory than there is."


@dataclass
class _Judged:
    assessor: Assessor
    landscape: Landscape | None = None
    trouble: HoldfastError | None = None


class Judgements:
    """The assessments of the registers, each in a process of its own."""

    def __init__(
        self,
        sources: Callable[[], Sequence[str]],
        commit: Callable[[], int],
        *,
        as_of: str | None = None,
        seconds: float = 30.0,
        limits: Limits | None = None,
        derived: Callable[[Derived, int], None] = lambda derived, commit: None,
    ) -> None:
        """`derived` is told what follows from a commit whenever that is found out.

        `seconds` is how long a question may take; `as_of` the time that is meant where none is
        named.
        """
        self._sources, self._commit = sources, commit
        self._as_of, self._seconds, self._limits = as_of, seconds, limits
        self._derived = derived
        self._now = self._made(as_of)
        self._others: OrderedDict[str, _Judged] = OrderedDict()
        self._lock = Lock()
        self._turn = RLock()
        self._settled = Event()

    def _made(self, as_of: str | None) -> _Judged:
        return _Judged(Assessor(self._sources, as_of=as_of, limits=self._limits))

    def wait(self) -> None:
        """Wait until the registers are assessed for the first time, or cannot be."""
        self._settled.wait()

    def refresh(self) -> None:
        """Assess all registers from the beginning."""
        with self._turn:
            self._now.assessor.close()
            self._now.trouble = None
            commit = self._commit()
            try:
                self._now.landscape = Landscape(self._now.assessor.judged(), commit)
                seconds = self._seconds * 20
                with self._now.assessor.turn(seconds) as put:
                    derived = put("derived", seconds=seconds)
                self._derived(derived, commit)
            except HoldfastError as error:
                logs.LOGGER.error("the registers cannot be assessed: %s", error)
                self._now.trouble = error
            except (Busy, TookTooLong):
                self._now.trouble = HoldfastError("the assessment took longer than it may.")
            except Ended:
                self._now.trouble = HoldfastError(ENDED)
            except Fault as fault:
                logs.LOGGER.error("fault", exc_info=fault)
                self._now.trouble = HoldfastError("the assessment met a fault; the log has it.")
            self._forget_others()
            self._settled.set()

    def findings(self) -> dict[str, tuple[str, Finding]]:
        """All findings as far as the registers are assessed, by IRI, with those of ventures."""
        landscape = self._now.landscape
        return {
            finding.iri: (venture.iri, finding)
            for venture in (landscape.judged.ventures if landscape else ())
            for finding in venture.findings
        }

    @property
    def commit(self) -> int:
        """The commit that is assessed."""
        return self._now.landscape.commit if self._now.landscape else 0

    @property
    def ready(self) -> bool:
        """Whether the registers are assessed."""
        return self._now.landscape is not None

    @property
    def trouble(self) -> HoldfastError | None:
        """Why the registers cannot be assessed, if they cannot."""
        return self._now.trouble

    def at(self, as_of: str | None) -> Landscape | None:
        """The landscape as of a time; None while the registers are being assessed.

        Raises Problem for a time that cannot be asked for, or that takes too long.
        """
        if as_of in ("", None, self._as_of):
            if self._now.trouble is not None:
                raise Problem("busy", f"The registers cannot be assessed: {self._now.trouble}")
            return self._now.landscape
        assert as_of is not None
        judged = self._other(as_of)
        if judged.landscape is None:
            with _told():
                found = judged.assessor.ask("judged", seconds=self._seconds * 4)
                judged.landscape = Landscape(found, self._commit())
        return judged.landscape

    def ask(self, as_of: str | None, question: str, **given: Any) -> Any:
        """The answer to a question about the registers as of a time. Raises Problem."""
        judged = self._now if as_of in ("", None, self._as_of) else self._other(str(as_of))
        with _told():
            return judged.assessor.ask(question, seconds=self._seconds, **given)

    def _other(self, as_of: str) -> _Judged:
        with self._lock:
            if as_of not in self._others:
                self._others[as_of] = self._made(as_of)
            self._others.move_to_end(as_of)
            while len(self._others) > OTHER_TIMES:
                self._others.popitem(last=False)[1].assessor.close()
            return self._others[as_of]

    def _forget_others(self) -> None:
        with self._lock:
            while self._others:
                self._others.popitem()[1].assessor.close()

    @contextmanager
    def turn(self, seconds: float | None) -> Iterator[None]:
        """Room for a write with its assessment, which begins before the store is written to.

        Whoever assesses writes to the store what follows: who held the store and then waited for
        the assessment would wait for ever. Raises Problem (busy) where it takes too long.
        """
        if not self._turn.acquire(timeout=-1 if seconds is None else seconds):
            raise Problem(
                "busy", f"The registers are still being assessed after {seconds:g} s. Nothing has"
                " changed. Try again once they are."
            )  # fmt: skip
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def edited(
        self, removed: Sequence[Quad], added: Sequence[Quad]
    ) -> Iterator[tuple[Edited, Derived] | None]:
        """What an edit of the registers comes to, kept once the block is done, undone if it raises.

        None where it cannot be told without assessing all anew: then `refresh` is to be called.
        Raises Problem for an edit after which the registers cannot be assessed.
        """
        if self._now.landscape is None:
            yield None
            return
        most = self._seconds * 4
        with self._turn, _told(), self._now.assessor.turn(most) as put:
            found = put("edit", seconds=most, removed=removed, added=added)
            if found is None:
                yield None
                return
            try:
                yield found
            except BaseException:
                put("undo", seconds=self._seconds)
                raise
            put("keep", seconds=self._seconds)
            edited, derived = found
            self._now.landscape = self._now.landscape.after(edited, self._commit(), derived.triples)
            self._forget_others()

    def close(self) -> None:
        """End all processes, whatever they are at."""
        with self._lock:
            others = [*self._others.values()]
        for judged in (self._now, *others):
            judged.assessor.stop()


@contextmanager
def _told() -> Iterator[None]:
    """What an assessor cannot do, as a problem of the one who asks."""
    try:
        yield
    except Busy:
        raise Problem(
            "busy", "The assessor is busy with other questions. Ask again in some seconds."
        ) from None
    except TookTooLong:
        raise Problem(
            "deadline", "The answer took longer than it may. Ask for less: one rule, one basis."
        ) from None
    except Ended:
        raise Problem("memory", f"{ENDED} Ask again, or ask for less.") from None
    except UnknownNameError as error:
        raise Problem("not-found", _sentence(error)) from None
    except HoldfastError as error:
        raise Problem("bad-request", _sentence(error)) from None


def _sentence(error: HoldfastError) -> str:
    said = str(error)
    return said[:1].upper() + said[1:]
