"""One thing in every form that it is given in: chosen by the reader, cached, linked to each other.

Sources: RFC 9110 (negotiation, conditional requests), RFC 8288 (links), Content Negotiation by
Profile (W3C), FAIR Signposting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import flask
import pyoxigraph as ox

from holdfast_service.catalogue import PREFIXES, SERIALISATIONS
from holdfast_service.negotiation import best
from holdfast_service.problem import Problem
from holdfast_service.workers import Answer

HTML = "text/html"
JSON = "application/json"
ENDS = {
    **{end: media_type for end, (media_type, _) in SERIALISATIONS.items()},
    "html": HTML,
    "json": JSON,
}
"""What `?format=` takes, and the media type that it stands for."""

_NAMED_GRAPHS = ("trig", "nq")


@dataclass(frozen=True)
class Link:
    """A link that goes with an answer (RFC 8288)."""

    target: str
    relation: str
    kind: str = ""
    profile: str = ""

    def __str__(self) -> str:
        more = f'; type="{self.kind}"' if self.kind else ""
        more += f'; profile="{self.profile}"' if self.profile else ""
        return f'<{self.target}>; rel="{self.relation}"{more}'


@dataclass(frozen=True)
class Thing:
    """What is to be shown: how each form of it is made, and what caches must know.

    `version` is anything that is another where the thing is another; `canonical` its IRI, and
    `address` where it is served. `triples` may be quads, for the forms that tell graphs apart;
    `stream` gives what is large, in the media type that it is told.
    """

    canonical: str
    address: str
    version: str
    modified: datetime | None
    triples: Callable[[], Iterable[ox.Triple | ox.Quad]] | None = None
    stream: Callable[[str], Answer] | None = None
    page: Callable[[], str] | None = None
    json: Callable[[], object] | None = None
    links: tuple[Link, ...] = ()
    profiles: Mapping[str, Callable[[], Iterable[ox.Triple]]] | None = None
    prefixes: Mapping[str, str] | None = None


def represented(thing: Thing, *, status: int = 200) -> flask.Response:
    """The form of a thing that the request asks for by `format`, `_profile` or Accept.

    Raises Problem: 406 where nothing fits, 400 for a format or profile that is not there.
    """
    request = flask.request
    offers = _offers(thing)
    wanted = request.args.get("format")
    if wanted is not None:
        media_type = ENDS.get(wanted, "")
        if media_type not in offers:
            known = ", ".join(end for end, kind in ENDS.items() if kind in offers)
            raise Problem(
                "bad-request",
                f"'{wanted}' is no format of this. Formats: {known}.",
            )
    else:
        media_type = best(request.headers.get("Accept", ""), offers) or ""
        if not media_type:
            raise Problem(
                "not-acceptable",
                f"Nothing here fits what Accept asks for. There is {', '.join(offers)}.",
            )
    profile = _profile_asked(thing)
    tag = _tag(thing, media_type, profile)
    answer = flask.Response(status=status, content_type=_with_charset(media_type))
    answer.set_etag(tag)
    if thing.modified is not None:
        answer.last_modified = thing.modified
    answer.headers["Vary"] = "Accept, Accept-Profile"
    answer.headers["Cache-Control"] = "no-cache"
    flask.g.links = _links(thing, offers, media_type, profile)  # a page shows them as well
    flask.g.ends = [end for end, kind in ENDS.items() if kind in offers]
    answer.headers["Link"] = ", ".join(map(str, flask.g.links))
    if profile:
        answer.headers["Content-Profile"] = f"<{profile}>"
    answer.make_conditional(request)
    if answer.status_code == 304:
        return answer
    if thing.stream is None or media_type in (HTML, JSON):
        answer.set_data(_body(thing, media_type, profile))
    elif request.method != "HEAD":
        found = thing.stream(media_type)
        answer.response = iter(found)
        answer.headers.pop("Content-Length", None)
        answer.call_on_close(found.close)
    return answer


def tags_of(thing: Thing) -> list[str]:
    """The entity tags of all the forms in which a thing is given."""
    profiles = ("", *(thing.profiles or {}))
    return [_tag(thing, form, profile) for form in _offers(thing) for profile in profiles]


def _tag(thing: Thing, media_type: str, profile: str) -> str:
    named = f"{thing.version}|{thing.address}|{media_type}|{profile}"
    return sha256(named.encode()).hexdigest()[:32]


def _offers(thing: Thing) -> list[str]:
    offers = [HTML] if thing.page else []
    offers += [JSON] if thing.json else []
    if thing.triples or thing.stream:
        offers += [media_type for media_type, _ in SERIALISATIONS.values()]
    # whoever says */* is a program: curl, a harvester
    return [*offers[1:], HTML] if thing.page and len(offers) > 1 else offers


def _profile_asked(thing: Thing) -> str:
    wanted = flask.request.args.get("_profile") or ""
    if not wanted:
        header = flask.request.headers.get("Accept-Profile", "")
        named = [part.split(";")[0].strip().strip("<>") for part in header.split(",")]
        return next((name for name in named if name in (thing.profiles or {})), "")
    if wanted not in (thing.profiles or {}):
        known = ", ".join(thing.profiles or {}) or "none"
        raise Problem("bad-request", f"'{wanted}' is no profile of this. Profiles: {known}.")
    return wanted


def _body(thing: Thing, media_type: str, profile: str) -> bytes | str:
    if media_type == HTML and thing.page:
        return thing.page()
    if media_type == JSON and thing.json:
        return flask.json.dumps(thing.json(), ensure_ascii=False, indent=2) + "\n"
    triples = (
        (thing.profiles or {})[profile]() if profile else thing.triples() if thing.triples else ()
    )
    return serialised(triples, media_type, prefixes=thing.prefixes)


def serialised(
    triples: Iterable[ox.Triple | ox.Quad],
    media_type: str,
    *,
    prefixes: Mapping[str, str] | None = None,
) -> bytes:
    """Triples or quads in an RDF format; one without named graphs gets them all as triples.

    Blank nodes are numbered as they come, so that the same triples are the same bytes.
    """
    triples = _numbered(triples)
    kind = ox.RdfFormat.from_media_type(media_type)
    assert kind is not None
    given = {**PREFIXES, **(prefixes or {})}
    if kind.supports_datasets:
        quads = (t if isinstance(t, ox.Quad) else ox.Quad(*t) for t in triples)
        return ox.serialize(quads, format=kind, prefixes=given) or b""
    plain = dict.fromkeys(t.triple if isinstance(t, ox.Quad) else t for t in triples)
    return ox.serialize(plain, format=kind, prefixes=given) or b""


def _numbered(triples: Iterable[ox.Triple | ox.Quad]) -> Iterator[ox.Triple | ox.Quad]:
    nodes: dict[ox.BlankNode, ox.BlankNode] = {}

    def named(term: Any) -> Any:
        if isinstance(term, ox.BlankNode):
            return nodes.setdefault(term, ox.BlankNode(f"b{len(nodes) + 1}"))
        if isinstance(term, ox.Triple):
            return ox.Triple(*map(named, term))
        return term

    for one in triples:
        yield type(one)(*map(named, one))


def _links(thing: Thing, offers: Sequence[str], chosen: str, profile: str) -> list[Link]:
    joint = "&" if "?" in thing.address else "?"
    links = [Link(thing.canonical, "canonical"), Link(thing.canonical, "cite-as"), *thing.links]
    for end, media_type in ENDS.items():
        if media_type in offers and media_type != chosen:
            links.append(Link(f"{thing.address}{joint}format={end}", "alternate", media_type))
            if media_type not in (HTML, JSON) and chosen == HTML:
                links.append(Link(f"{thing.address}{joint}format={end}", "describedby", media_type))
    for other in thing.profiles or {}:
        if other != profile:
            links.append(
                Link(f"{thing.address}{joint}_profile={other}", "alternate", profile=other)
            )
    return links


def _with_charset(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
