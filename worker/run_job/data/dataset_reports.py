"""What a worker reports of its data sets: at its start, after each decoding, and whenever a folder changes."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from shared.documents.phrases import ignored_files
from shared.errors import DatabaseUnavailable
from worker.training.data import Datasets, HeldDataset, Statistics

logger = logging.getLogger(__name__)

Report: TypeAlias = dict[str, Any]

WATCH_SECONDS = 1.0
"""The least time between two looks at the folders."""
_REST_SHARE = 50
"""How many times as long as listing the folders took the thread then rests: huge ones do not keep it busy."""


class DatasetReports:
    """The reports of one worker's data sets, and the thread that renews them.

    What is built in is surveyed at once. A person's own data sets follow in the thread, as all headers of their images
    are read; so does every change of a folder, once the folder has come to rest.

    Args:
        data: the data sets.
        publish: writes the reports into the database; raises DatabaseUnavailable.
    """

    def __init__(self, data: Datasets, publish: Callable[[list[Report]], object]) -> None:
        self._data, self._publish = data, publish
        self._surveyed: list[Report] = []
        self._own: list[Report] = []
        self._loaded: list[Report] = []
        self._lock = threading.Lock()
        self._seen: object = None
        self._reported: object = None
        self._fresh = True
        self._rest_seconds = WATCH_SECONDS

    @property
    def entries(self) -> list[Report]:
        """All reports: of what is held, the preferred copy of a set first, then of what was loaded."""
        return [*self._surveyed, *self._own, *self._loaded]

    @property
    def complete(self) -> bool:
        """Whether all folders have been looked at."""
        return self._reported is not None

    def look_again(self) -> None:
        """Survey all folders at once and report them: a job did not find what the last look found."""
        own, surveyed = _reports(self._data.own()), _reports(self._data.built_in())
        with self._lock:
            self._own, self._surveyed, self._fresh = own, surveyed, False
        try:
            self.look()
        except DatabaseUnavailable as error:
            logger.warning("report_failed", extra={"reason": str(error)})

    def survey(self) -> list[Report]:
        """Look for the built-in data sets; returns all reports."""
        surveyed = _reports(self._data.built_in())
        with self._lock:
            self._surveyed = surveyed
            return self.entries

    def loaded(self, loaded: Statistics) -> None:
        """Report the statistics of a data set that has just been decoded; only the latest of each set is stored.

        The survey's entry of the set stays too, as a job often uses a part of the set. A report that fails is only
        logged: no job depends on it.
        """
        if any(known["fingerprint"] == loaded.fingerprint for known in self.entries):
            return
        entry = dataclasses.asdict(loaded)
        if not any(_covers(known, entry) for known in self.entries):  # the set came, or was mended, after the survey
            self.survey()
        with self._lock:
            self._loaded = [*(known for known in self._loaded if not _same_set(known, entry)), entry]
            try:
                self._publish(self.entries)
            except DatabaseUnavailable as error:
                logger.warning("report_failed", extra={"reason": str(error)})

    def watch(self) -> None:
        """Start the thread that reports own data sets and changes, for as long as the process lives."""
        threading.Thread(target=self._watch, name="datasets", daemon=True).start()

    def look(self) -> None:
        """Survey the folders if they have changed and come to rest since the last survey, and report what is new.

        What cannot be reported now, as the database is unavailable, is reported by the next look.
        """
        began = time.monotonic()
        signature = self._data.signature()
        self._rest_seconds = max(WATCH_SECONDS, _REST_SHARE * (time.monotonic() - began))
        at_rest, self._seen = self._seen in {None, signature}, signature
        if at_rest and signature != self._reported:
            own = _reports(self._data.own())
            surveyed = _reports(self._data.built_in()) if self._reported is not None else self._surveyed
            with self._lock:
                # The first look is reported even where it found nothing: from then on nothing is known to be here.
                same = self.complete and (own, surveyed) == (self._own, self._surveyed)
                self._fresh = self._fresh and same
                self._own, self._surveyed, self._reported = own, surveyed, signature
        with self._lock:
            if not self._fresh:
                self._publish(self.entries)
                self._fresh = True

    def _watch(self) -> None:
        while True:
            try:
                self.look()
            except DatabaseUnavailable as error:
                logger.warning("report_failed", extra={"reason": str(error)})
            except Exception:
                # No error may end the thread: the next look may succeed.
                logger.exception("dataset_watch_failed")
            time.sleep(self._rest_seconds)


def _reports(held: Iterable[HeldDataset]) -> list[Report]:
    """A report of each data set; what only decoding can find out is None."""
    reports = []
    for one in held:
        if one.ignored:
            logger.warning("dataset_files_ignored", extra={"detail": ignored_files(one.place, one.ignored)})
        reports.append({**dataclasses.asdict(one), "mean": None, "std": None, "fingerprint": None})
    return reports


def _same_set(one: Report, other: Report) -> bool:
    return bool((one["name"], one["source"]) == (other["name"], other["source"]))


def _covers(surveyed: Report, loaded: Report) -> bool:
    """Whether the survey found the loaded data set, ready for a job and with all of the loaded classes."""
    same = not surveyed["fingerprint"] and surveyed["ready"] and _same_set(surveyed, loaded)
    return same and set(loaded["classes"]) <= set(surveyed["classes"])
