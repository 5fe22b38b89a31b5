"""Backups of a store: its record, copied while it may be written, and put back whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from holdfast.errors import StoreError, printable
from holdfast.limits import Progress
from holdfast.store.local import Store
from holdfast.store.record import Record, sync_folder


def back_up(store: Store, target: Path, progress: Progress | None = None) -> int:
    """Copy the record as of the last commit to a folder that is empty or not there; that commit.

    Every file is checked on the way. Raises StoreError where the folder holds something, or the
    record is damaged; then nothing is left behind.
    """
    _check_empty(target)
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        last = _copy(store, part, progress)
        if target.exists():
            target.rmdir()
        os.rename(part, target)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError(
            f"the backup cannot be written: {error.strerror or error}.",
            where=printable(str(target)),
            mend="Free some disk space there, or name another folder.",
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return last


def restore(backup: Path, folder: Path, progress: Progress | None = None) -> Store:
    """A store made from a backup, in a folder that is empty or not there; it is open for writing.

    Raises StoreError where the folder holds something, or the backup is none or damaged.
    """
    with Store.open(backup, write=False) as source:
        back_up(source, folder, progress)
    return Store.open(folder, progress=progress)


def _copy(store: Store, part: Path, progress: Progress | None) -> int:
    commits = list(store.changes())
    record = Record(part / "record")
    part.mkdir(parents=True)
    record.make()
    versions = {
        version.file: version for commit in commits for version in commit.versions if version.blob
    }
    for place, (name, version) in enumerate(sorted(versions.items())):
        if progress:
            progress("Copying", place, len(versions))
        kept = record.keep(store.record.path(version), version.media_type, packed=version.packed)
        if kept.blob != version.blob:
            store.record.verify(version)
        kept.settle()
        assert (record.blobs / name).exists()
    with store.record.log.open("rb") as log, record.log.open("wb") as copy:
        for _ in commits:
            copy.write(log.readline())
        copy.flush()
        os.fsync(copy.fileno())
    shutil.copyfile(store.folder / "holdfast.json", part / "holdfast.json")
    sync_folder(part)
    return len(commits)


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise StoreError(
            "something is there already, and is not overwritten.",
            where=printable(str(folder)),
            mend="Name a folder that is empty or not there yet.",
        )
    if not folder.parent.is_dir():
        raise StoreError(
            "there is no folder to put it into.",
            where=printable(str(folder.parent)),
            mend="Make it first, or check the spelling of the path.",
        )
