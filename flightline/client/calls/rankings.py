"""The calls that rank configurations, and that repeat jobs in order to compare."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from flightline.client.calls.base import BaseCalls, J, job_path
from flightline.client.documents import encoded
from flightline.client.search.leaderboard import Leaderboard, Settlement, Standing, hashes_of

Metric = Literal["best_val_accuracy", "val_accuracy", "val_loss"]
Mode = Literal["max", "min"]


class RankingCalls(BaseCalls[J]):
    """Leaderboards, and replays."""

    async def replay(
        self,
        id: str,
        /,
        *,
        engine: str | None = None,
        device: Literal["any", "cpu", "cuda"] | None = None,
        threads: int | None = None,
        idempotency_key: str | None = None,
    ) -> J:
        """Train a job that has succeeded once more, to compare the two: wait for the new job, and read `compared`.

        ``job.replay().wait().compared.verdict`` is ``bit_equal`` where every epoch ended in the same state. The request
        is retried as in `submit`.

        Args:
            id: the job that has succeeded.
            engine: run with this engine; default the job's.
            device: run on this kind of device; default the job's.
            threads: run with so many CPU threads; default the job's.
            idempotency_key: as for `submit`.

        Raises:
            Conflict: the job is no training that has succeeded.
        """
        where = {"engine": engine, "device": device, "threads": threads}
        return await self._submit(f"{job_path(id)}/replay", None, idempotency_key, **where)

    async def leaderboard(
        self,
        /,
        metric: Metric = "best_val_accuracy",
        *,
        mode: Mode | None = None,
        limit: int = 20,
        level: float | None = None,
        **filters: object,
    ) -> Leaderboard:
        """Rank configurations by their seeds: jobs that differ at most in their seed are one configuration.

        Those that Welch's t, with Holm's correction for all pairs, does not tell apart share a rank; of one with a
        single seed nothing is proven, of one with two next to nothing.

        Args:
            metric: the figure of a job's result that configurations are compared by.
            mode: whether more (``max``) or less (``min``) is better; default by the metric.
            limit: the most configurations, up to 100.
            level: the accepted chance that any two are told apart that are truly equal, at one look; default 0.05.
            **filters: as `jobs` takes them; without `status` and `kind` trainings that have succeeded count. With
                `sweep` every job counts whose configuration the sweep has tried, such as those of `settle`.
        """
        found = await self._transport.get(
            "/v1/leaderboard", metric=metric, mode=mode, limit=limit, level=level, **filters
        )
        return Leaderboard(found)

    async def settle(
        self,
        /,
        groups: Iterable[Standing | str],
        *,
        metric: Metric = "best_val_accuracy",
        mode: Mode | None = None,
        most_jobs: int = 20,
        level: float | None = None,
        dry_run: bool = False,
    ) -> Settlement:
        """Queue the seeds that would tell configurations apart, as many as an estimate of power asks for.

        To ask again while they run queues nothing: ``client.settle(client.leaderboard().items[:3])``.

        Args:
            groups: 2 to 20 configurations: rows of a leaderboard, or their `config_hash`.
            metric: the figure that they are compared by.
            mode: whether more or less is better; default by the metric.
            most_jobs: the most jobs of these configurations that have yet to end, with those that are queued now.
            level: the accepted chance of a false distinction, as `leaderboard` takes it.
            dry_run: only say which seeds would be queued.

        Raises:
            InvalidRequest: there is no such configuration with a job that has succeeded.
            TooManyRequests: you would have more queued jobs than the service allows.
        """
        asked: dict[str, object] = {"groups": hashes_of(groups), "metric": metric, "mode": mode, "most_jobs": most_jobs}
        if level is not None:  # earlier services do not know it
            asked["level"] = level
        params = {"dry_run": True} if dry_run else {}
        call = self._transport.call("POST", "/v1/leaderboard/settle", params=params, content=encoded(asked))
        return Settlement(await call)
