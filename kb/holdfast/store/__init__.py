"""Registers kept: the record of what was sent, and an index of it that answers SPARQL."""

from holdfast.store.copies import back_up, restore
from holdfast.store.edits import Delta, Update
from holdfast.store.index import Reader, Snapshot
from holdfast.store.local import (
    CATALOGUE,
    DEFAULT,
    DERIVED,
    FINDINGS,
    INFERRED,
    Change,
    Check,
    Derived,
    MakeUpdate,
    Proposal,
    Sent,
    Store,
    make_update,
)
from holdfast.store.record import MEDIA_TYPES, SUFFIXES, Commit, Version
from holdfast.store.remote import RemoteStore, is_remote, registers_as_files

__all__ = [
    "CATALOGUE",
    "DEFAULT",
    "DERIVED",
    "FINDINGS",
    "INFERRED",
    "MEDIA_TYPES",
    "SUFFIXES",
    "Change",
    "Check",
    "Commit",
    "Delta",
    "Derived",
    "MakeUpdate",
    "Proposal",
    "Reader",
    "RemoteStore",
    "Sent",
    "Snapshot",
    "Store",
    "Update",
    "Version",
    "back_up",
    "is_remote",
    "make_update",
    "registers_as_files",
    "restore",
]
