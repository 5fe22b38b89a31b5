"""The operations of the SPARQL protocols, of saved questions and of health, as OpenAPI is told."""

from __future__ import annotations

from holdfast_service.formats import GRAPHS, SENT, SOLUTIONS
from holdfast_service.operations import Operation, Parameter

_RESULTS = {form.media: "" for form in (*SOLUTIONS, *GRAPHS)}
_GRAPHS = {form.media: "" for form in GRAPHS}
_SENT = {form.media: "triples" for form in SENT}
_JSON = {"application/json": ""}
_NOTHING = {"application/json": ""}

_QUERY = Parameter("query", "The query.")
_TIMEOUT = Parameter("timeout", "Seconds that the answer may take.", "number", least=0.001)
_LIMITS = (
    _TIMEOUT,
    Parameter("rows", "How many rows the answer may have.", "integer", least=1),
    Parameter("format", "The form of the answer, by its short name."),
)
_DATASET = (
    Parameter("default-graph-uri", "A graph of the default graph; may be given again."),
    Parameter("named-graph-uri", "A named graph; may be given again."),
)
_USING = (
    Parameter("using-graph-uri", "A graph that WHERE reads; may be given again."),
    Parameter("using-named-graph-uri", "A named graph that WHERE reads; may be given again."),
)
_WHICH = (
    Parameter("graph", "The IRI of a graph."),
    Parameter("default", "The default graph.", "boolean"),
)
_NAME = Parameter("name", "The rest of the address of a graph.", required=True, path=True)
_QUESTION = Parameter("name", "The id of a question.", required=True, path=True)
_FORM = "application/x-www-form-urlencoded"
_BUSY = (503, 504, 507)
_READING, _WRITING = (400, 406, *_BUSY), (400, 401, 403, 412, 413, 415, 422)

PROTOCOLS = (
    Operation(
        "get",
        "/sparql",
        "A SPARQL query; without one, what the service says of itself.",
        (_QUERY, *_DATASET, *_LIMITS),
        _RESULTS,
        problems=_READING,
    ),
    Operation(
        "post",
        "/sparql",
        "A SPARQL query, or with a token an update.",
        (*_DATASET, *_USING, *_LIMITS),
        _RESULTS,
        {
            "application/sparql-query": "a query",
            "application/sparql-update": "an update",
            _FORM: "query or update",
        },
        _READING,
    ),
    Operation(
        "post",
        "/update",
        "A SPARQL update.",
        (*_USING, _TIMEOUT),
        _NOTHING,
        {"application/sparql-update": "an update", _FORM: "update"},
        (*_WRITING, *_BUSY),
        token=True,
    ),
    Operation("get", "/graphs", "A graph.", _WHICH, _GRAPHS, problems=(404, *_READING)),
    Operation(
        "put", "/graphs", "Make this the graph.", _WHICH, _NOTHING, _SENT, _WRITING, token=True
    ),
    Operation(
        "post", "/graphs", "Add to the graph.", _WHICH, _NOTHING, _SENT, _WRITING, token=True
    ),
    Operation("delete", "/graphs", "Remove the graph.", _WHICH, _NOTHING, {}, _WRITING, token=True),
    Operation(
        "get",
        "/graphs/{name}",
        "The graph of this address.",
        (_NAME,),
        _GRAPHS,
        problems=(404, *_READING),
    ),
    *(
        Operation(
            method,
            "/graphs/{name}",
            f"{what} the graph of this address.",
            (_NAME,),
            _NOTHING,
            _SENT if method != "delete" else {},
            _WRITING,
            token=True,
        )
        for method, what in (("put", "Replace"), ("post", "Add to"), ("delete", "Remove"))
    ),
    Operation("get", "/questions", "The saved questions.", answers=_JSON),
    Operation(
        "get",
        "/questions/{name}",
        "The answer to a saved question; its parameters are its own.",
        (_QUESTION, *_LIMITS),
        _RESULTS,
        problems=(404, *_READING),
    ),
    Operation("get", "/health", "Whether the service lives.", answers=_JSON),
    Operation("get", "/ready", "Whether it is ready for work.", answers=_JSON, problems=(503,)),
    Operation("get", "/metrics", "Figures for Prometheus.", answers={"text/plain": ""}),
)
