"""The folder of a run: locked while it works, and replaced only by what is finished.

A run that replaces what lies in its folder, or goes on with a finished run, works in
``.matjax/new-…`` inside it, and touches nothing else. When its results stand, one
renaming makes that ``ready-…``, whose entries then take their places one by one; if the
process is killed in between, the next start moves the rest. What an unfinished attempt
has computed becomes ``failed-…``. Files that no run has written are kept.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from matjax.files import clear_drafts, draft, write_text

INNER = ".matjax"
"""Folder of the lock, the list of files and work that is not finished."""
CONFIG, METRICS = "config.yaml", "metrics.json"
ASIDE = ("failed-", "replaced-")
"""How names begin of what earlier attempts have left."""

log = logging.getLogger("matjax.run")


class RunFolder:
    """A folder that one process at a time writes into."""

    def __init__(
        self, path: Path, *, overwrite: bool = False, resume: bool = False
    ) -> None:
        """Takes the folder; puts in order what a killed process has left.

        Args:
            path: made if absent.
            overwrite: whether a run, or other files, may lie there.
            resume: whether to go on with a run that lies there.

        Raises:
            ValueError: if another process is at work there, or what lies there may not
                be replaced.
        """
        _require_folder(path)
        if not (overwrite or resume or (path / INNER).exists()):
            _require_free(path)
        self.path, self._inner = path, path / INNER
        above = [path, *path.parents]
        self._made = [folder for folder in above if not folder.exists()]
        self._lock = _locked(path)
        try:
            self._recover()
            if not overwrite:
                _require_free(path, resume=resume)
            self.work = self._workplace(overwrite=overwrite, resume=resume)
        except BaseException:
            self._leave()
            raise
        self._config = _bytes(self.work / CONFIG)

    @property
    def staged(self) -> bool:
        """Whether the run works beside what it will replace."""
        return self.work != self.path

    def finish(self) -> None:
        """Puts the finished results into their places, and frees the folder."""
        if self.staged:
            ready = self._inner / self.work.name.replace("new-", "ready-")
            self._write(self._plan(ready), self._intention())
            os.rename(self.work, ready)
            self._settle(ready)
        else:
            self._write(self._inner / "files", _entries(self.path))
        self.work = self.path
        self._lock.release()

    def fail(self) -> Path | None:
        """Leaves what was there before as it was; the folder is free.

        Returns:
            Where that is which has been computed; None if nothing has.
        """
        kept = None
        try:
            if not self.staged:
                if any(name != CONFIG for name in _entries(self.path)):
                    kept = self.path
                if not (self.path / METRICS).exists():
                    self._restore_config(kept)
            elif self.work.exists():
                kept = self._salvage(self.work)
            else:
                log.warning(
                    "%s: the results are complete but not all in their places, which "
                    "the next start there ends",
                    self.path,
                )
        finally:
            self._leave()
        return kept

    def _restore_config(self, kept: Path | None) -> None:
        """The settings are those of a run that has gone on, or there are none."""
        path = self.path / CONFIG
        if self._config is None:
            if kept is None:
                path.unlink(missing_ok=True)
            return
        if _bytes(path) == self._config:
            return
        with draft(path) as partial:
            partial.write_bytes(self._config)

    def _workplace(self, *, overwrite: bool, resume: bool) -> Path:
        finished = (self.path / METRICS).exists()
        if not (_entries(self.path) and (overwrite or (resume and finished))):
            return self.path
        work = self._inner / f"new-{secrets.token_hex(8)}"
        work.mkdir()
        if not overwrite:  # a finished run that goes on, on a copy
            for name in _entries(self.path):
                if name != METRICS:  # which its end makes
                    _copy(self.path / name, work / name)
        return work

    def _intention(self) -> dict[str, Any]:
        """What becomes of the entries that lie in the folder now."""
        names, here = _entries(self.work), set(_entries(self.path))
        listed = self._read(self._inner / "files")
        if listed is None:
            known = here if _is_run(self.path) else set()
            listed = sorted(known & {*names, CONFIG, METRICS})
        return {
            "drop": sorted((here & set(listed)) - set(names)),
            "foreign": sorted((here & set(names)) - set(listed)),
            "names": names,
        }

    def _settle(self, ready: Path) -> None:
        """Moves finished results to their places; may be begun again at any point."""
        plan = self._read(self._plan(ready)) or {"drop": [], "foreign": []}
        old = self._inner / ready.name.replace("ready-", "old-")
        old.mkdir(exist_ok=True)
        for name in plan["drop"]:
            _move(self.path / name, old / name)
        aside = None
        for name in sorted(os.listdir(ready)):
            if name in plan["foreign"] and os.path.lexists(self.path / name):
                if aside is None:
                    aside = self._free("replaced-")
                    aside.mkdir()
                    log.warning("%s holds files that were in the way", aside)
                os.rename(self.path / name, aside / name)
            _move(self.path / name, old / name)
            os.rename(ready / name, self.path / name)
        self._write(self._inner / "files", plan.get("names", []))
        shutil.rmtree(old)
        ready.rmdir()
        self._plan(ready).unlink(missing_ok=True)

    def _recover(self) -> None:
        """Finishes or clears what a process left that was killed."""
        clear_drafts(self._inner)
        if _is_run(self.path):
            clear_drafts(self.path)
        for ready in sorted(self._inner.glob("ready-*")):
            self._settle(ready)
            log.warning("%s: the results of the run before are complete now", self.path)
        for work in sorted(self._inner.glob("new-*")):
            kept = self._salvage(work)
            if kept is not None:
                log.warning("%s holds what a run computed that was killed", kept)
        for rest in sorted([*self._inner.glob("plan-*"), *self._inner.glob("old-*")]):
            if rest.is_dir():
                shutil.rmtree(rest)
            else:
                rest.unlink()

    def _salvage(self, work: Path) -> Path | None:
        computed = set(os.listdir(work)) - {CONFIG}
        if any(not _same(work / name, self.path / name) for name in computed):
            kept = self._free("failed-")
            os.rename(work, kept)
            return kept
        shutil.rmtree(work)
        return None

    def _free(self, prefix: str) -> Path:
        stamp = f"{prefix}{datetime.now():%Y-%m-%d_%H-%M-%S}"
        folder, number = self.path / stamp, 1
        while os.path.lexists(folder):
            number += 1
            folder = self.path / f"{stamp}-{number}"
        return folder

    def _leave(self) -> None:
        """Frees the folder; of one that was made for nothing no trace stays."""
        if set(os.listdir(self._inner)) <= {"lock"} and not _is_run(self.path):
            (self._inner / "lock").unlink(missing_ok=True)
            with suppress(OSError):  # others may have written there meanwhile
                self._inner.rmdir()
                for folder in self._made:
                    folder.rmdir()
        self._lock.release()

    def _plan(self, ready: Path) -> Path:
        return self._inner / ready.name.replace("ready-", "plan-")

    def _read(self, path: Path) -> Any:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def _write(self, path: Path, value: Any) -> None:
        write_text(path, json.dumps(value))


def _locked(path: Path) -> Any:
    """The lock of the folder, which the system frees when the process ends."""
    from filelock import FileLock, Timeout

    (path / INNER).mkdir(parents=True, exist_ok=True)
    lock = FileLock((path / INNER / "lock").absolute(), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ValueError(
            f"another process is at work in {path}: wait until it has ended, or choose "
            "another folder with --out"
        ) from error
    return lock


def _require_folder(path: Path) -> None:
    if os.path.lexists(path) and not path.is_dir():
        raise ValueError(f"the output folder must be a folder; {path} is a file")
    if (path / INNER).is_symlink():
        raise ValueError(f"{path / INNER} must be a folder of a run, not a link")


def _require_free(path: Path, *, resume: bool = False) -> None:
    names = _entries(path) if path.exists() else []
    if not names:
        return
    if not _is_run(path):
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise ValueError(
            f"{path} holds no run, but {names[0]}{others}: choose another folder with "
            "--out, or take this one with --overwrite, which keeps these files"
        )
    if resume:
        return
    finished = (path / METRICS).exists()
    raise ValueError(
        f"{path} already holds {'a finished' if finished else 'an unfinished'} run; "
        "choose another folder with --out, go on with --resume, or replace its files "
        "with --overwrite"
    )


def _is_run(path: Path) -> bool:
    if (path / INNER / "files").exists():
        return True
    text = _bytes(path / CONFIG) or b""
    return any(line.startswith(b"experiment:") for line in text.splitlines())


def _entries(path: Path, *, aside: bool = False) -> list[str]:
    """Names in a folder that count; those set aside only if asked for."""
    names: Iterable[str] = (n for n in os.listdir(path) if n != INNER)
    return sorted(n for n in names if aside or not n.startswith(ASIDE))


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _move(source: Path, target: Path) -> None:
    if os.path.lexists(source):
        os.rename(source, target)


def _same(a: Path, b: Path) -> bool:
    """Whether nothing has changed since one was copied from the other."""
    if a.is_symlink() or b.is_symlink():
        return a.is_symlink() and b.is_symlink() and os.readlink(a) == os.readlink(b)
    if not b.exists() or a.is_dir() != b.is_dir():
        return False
    if a.is_dir():
        names = os.listdir(a)
        return set(names) == set(os.listdir(b)) and all(
            _same(a / name, b / name) for name in names
        )
    one, other = a.stat(), b.stat()
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)
