"""Records of the service: read-only views of the JSON that it answers with.

Every key is an attribute, of objects within objects too, and `raw` is the JSON itself: a key that a newer service adds
is there without a newer client, and one that a service of the last release does not send yet has a value that says
nothing (`flightline.client.older`). The keys of this release, their types and their meaning stand in `shared.wire`,
whose answers the records inherit from; a record names those alone that it reads as records or `Fields` themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from inspect import get_annotations
from typing import Any, ClassVar, Self, get_args, overload

from flightline.client.display.curves import curves
from flightline.client.display.tables import data_frame
from flightline.client.fields import Fields, known, with_attributes
from flightline.client.older import otherwise
from shared import wire
from shared.wire.answer import Answer

NOT_FINISHED = ("queued", "running", "paused")
FINISHED = frozenset({"succeeded", "failed", "cancelled"})
SHOWN_FIELDS, SHOWN_CHARACTERS = 6, 40
"""How many of its plain fields a record's `repr` has, and how much of each."""
SHORT_ID = 8


class View(Answer):
    """JSON whose keys are attributes, those of objects within it too; what is read once stays the same object.

    Attributes:
        raw: the JSON as the service sent it.
    """

    raw: dict[str, Any]
    _read: dict[str, Any]
    _records: ClassVar[Mapping[str, type[View]]] = {}
    """The keys that are read as records: those that a class annotates as ``X``, ``X | None`` or ``tuple[X, ...]``."""

    __slots__ = ("_read", "raw")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = get_annotations(cls, eval_str=True).items()
        found = ((key, kind) for key, wanted in own for kind in (wanted, *get_args(wanted)) if _is_record(kind))
        cls._records = {**cls._records, **dict(found)}

    def __init__(self, raw: Mapping[str, Any]) -> None:
        object.__setattr__(self, "raw", raw)
        object.__setattr__(self, "_read", {})

    def __getattr__(self, key: str) -> Any:
        try:
            return self._value(key)
        except KeyError:
            has = f"it has {known(self.raw)}"
            raise AttributeError(f"This {type(self).__name__.lower()} has no {key!r}; {has}.") from None

    def _value(self, key: str) -> Any:
        if key not in self._read:
            value = self.raw[key] if key in self.raw else otherwise(type(self), key, self.raw)
            self._read[key] = self._wrapped(key, value)
        return self._read[key]

    def _wrapped(self, key: str, value: object) -> object:
        kind = self._records.get(key)
        if isinstance(value, Mapping) and kind is not None:
            return kind(value)
        if isinstance(value, list) and kind is not None:
            return tuple(kind(item) for item in value)
        return with_attributes(value)

    def __setattr__(self, key: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only.")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.raw]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.raw == self.raw

    __hash__ = None  # type: ignore[assignment] # a view of a dict, and compared like one

    def __repr__(self) -> str:
        plain = ((key, value) for key, value in self.raw.items() if not isinstance(value, dict | list | None))
        fields = [f"{key}={value!r:.{SHOWN_CHARACTERS}}" for key, value in plain]
        rest = [] if len(fields) == len(self.raw) and len(fields) <= SHOWN_FIELDS else ["…"]
        return f"{type(self).__name__}({', '.join([*fields[:SHOWN_FIELDS], *rest])})"

    def __reduce__(self) -> tuple[type[Self], tuple[Mapping[str, Any]]]:
        return type(self), (self.raw,)


class Record(View, Mapping[str, Any]):
    """A read-only JSON object: each key is an attribute (`job.status`) and an item (`job["status"]`)."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        return self._value(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)


def _is_record(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, View)


class Cost(Record, wire.DetailedCost):
    """What a job needs: `parameters`, `flops_per_epoch`, `weight_bytes`; a check and a submission have `layers`."""


class Progress(Record, wire.Progress):
    """The epochs that a job has finished, of how many; `eta_seconds` is None until an epoch has been timed."""


class Result(Record, wire.Result):
    """The latest epoch's figures, and the best one's accuracy (a fraction of all validation images)."""


class Failure(Record, wire.Failure):
    """Why a job failed: a stable `code`, and `detail` for people."""


class Replay(Record, wire.Replay):
    """How equal a replay is to the job that it repeats: the `verdict`, the first epochs that differ, the distances."""

    differences: Fields
    environment: Fields | None


class JobRecord(Record, wire.Job):
    """One job: its spec, its status and its result. Times are ISO 8601 in UTC."""

    spec: Fields
    cost: Cost
    progress: Progress
    result: Result | None
    error: Failure | None

    @property
    def compared(self) -> Replay | None:
        """How equal this replay is to its original; None until it has ended, and for a job that is no replay."""
        found = self.raw.get("replay")
        return None if found is None else Replay(found)

    @property
    def title(self) -> str:
        """The job's name, else its preset, else its kind of architecture or, without one, of job."""
        kind = self.raw.get("spec", {}).get("architecture", {}).get("kind") or self.raw.get("kind", "job")
        return self.raw.get("name") or self.raw.get("preset") or str(kind)

    @property
    def finished(self) -> bool:
        """Whether the job has succeeded, failed or been cancelled: its status never changes again."""
        return self.status in FINISHED

    @property
    def succeeded(self) -> bool:
        """Whether the job was trained to its last epoch, or to the one at which early stopping ended it."""
        return self.status == "succeeded"

    def __repr__(self) -> str:
        """The end of the id, which every call takes for the whole, the name, and how far the job is."""
        raw, result = self.raw, self.raw.get("result")
        facts = [str(raw.get("status"))]
        if (progress := raw.get("progress")) and progress["epochs"]:
            facts.append(f"epoch {progress['epoch']}/{progress['epochs']}")
        if result and result.get("best_val_accuracy") is not None:
            facts.append(f"best accuracy {result['best_val_accuracy']:.4f}")
        name = f" {raw['name']!r:.{SHOWN_CHARACTERS}}" if raw.get("name") else ""
        return f"<Job …{str(raw.get('id'))[-SHORT_ID:]}{name}: {', '.join(facts)}>"


class Check(Record, wire.DryRun):
    """The answer to a dry run: the whole spec with its defaults, its hashes, its cost and the warnings."""

    spec: Fields
    cost: Cost


class Epoch(Record, wire.Epoch):
    """One epoch of a job: mean losses and accuracies over the split, `seconds`, `samples_per_second`.

    `attempt` ran it; `seq` is its place among the job's events.
    """


class Epochs(View, Sequence[Epoch], wire.EpochColumns):
    """The epochs of a job: a sequence of `Epoch`, and columns of equal length as attributes, or by their names.

    ``zip(epochs.epoch, epochs.train_loss)`` goes over two columns, ``pandas.DataFrame(epochs)`` has them all.
    """

    def to_pandas(self) -> Any:
        """The epochs as a `pandas.DataFrame`, one row each. Raises UsageError where pandas is not installed."""
        return data_frame(self.columns(), [row.raw for row in self.rows()], "to_pandas()")

    def rows(self) -> list[Epoch]:
        """The epochs one by one, as `Epoch` records, in the order of the columns."""
        columns = self.columns()
        return [Epoch(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]

    def columns(self) -> dict[str, list[Any]]:
        """The figures as lists of equal length, one value per epoch, by their names."""
        return {key: column for key, column in self.raw.items() if isinstance(column, list)}

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.rows())

    @overload
    def __getitem__(self, index: int) -> Epoch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Epoch]: ...
    @overload
    def __getitem__(self, index: str) -> list[Any]: ...
    def __getitem__(self, index: int | slice | str) -> Epoch | list[Any]:
        if isinstance(index, str):
            return self.columns()[index]
        if isinstance(index, slice):
            return self.rows()[index]
        return Epoch({key: column[index] for key, column in self.columns().items()})

    def __len__(self) -> int:
        return len(self.raw["epoch"])

    def __repr__(self) -> str:
        last = f"; the last has a validation accuracy of {self[-1].val_accuracy:.4f}" if len(self) else ""
        return f"<Epochs: {len(self)}{last}>"

    def _repr_html_(self) -> str:
        return curves(self)


class Metric(Record, wire.Metric):
    """One metric of an imported run: `figures` at `steps`, None where one was no finite number."""


class ImportedRun(Record, wire.ImportedRun):
    """The job of a run that was imported: `job_id`, and whether the import made it (`new`)."""


class Event(Record, wire.Event):
    """Something that happened to a job.

    `seq` is its place: later events have larger numbers, without gaps but for epochs that were run again. `kind` is
    ``status``, ``epoch`` (an epoch's figures), ``resumed`` (`attempt` goes on with epoch `from_epoch`; what was seen of
    that epoch and later ones is run again), ``cancel_requested`` or ``priority``; `data` is what that kind says.
    """

    data: Fields


class ClassFigures(Record, wire.ClassFigures):
    """Precision, recall and F1 of one class, and how many validation images it has (`support`)."""


class Evaluation(Record, wire.Evaluation):
    """How the best or last weights do on the validation images; `confusion_matrix[true][predicted]`."""

    per_class: tuple[ClassFigures, ...]


class Prediction(Record, wire.Prediction):
    """What a network makes of one image: `class_` is the likeliest class, `probabilities` are by class."""

    probabilities: Fields


class Mistake(Record, wire.Mistake):
    """A validation image that a network got wrong.

    `split` and `index` are its place in the data set and `file` its path there (None where it has no file); `true` and
    `predicted` are classes, `probabilities` is by class.
    """

    probabilities: Fields


class Attempt(Record, wire.Attempt):
    """One worker's try at a job; `outcome` is None while it runs."""

    environment: Fields | None
    error: Failure | None


class LogLine(Record, wire.LogLine):
    """One line of a job's log: `message`, `level`, `attempt`, its number `line` and the time `created_at`."""


class Artifact(Record, wire.Artifact):
    """One file that a job has stored, such as its weights; `name` is what `Client.download` takes."""


class Worker(Record, wire.Worker):
    """One worker process on one device: its state, its job and the data sets that it holds."""

    versions: Fields
    datasets: list[Fields]

    @property
    def predicts(self) -> bool:
        """Whether the worker is a predictor, which answers questions about finished jobs."""
        return bool(self.raw.get("role") == "predict")

    @property
    def live(self) -> bool:
        """Whether the worker still sends heartbeats."""
        return self.state != "gone"


class Queue(Record, wire.Queue):
    """One queue: waiting jobs, the age of the oldest in seconds, messages in Redis (None while Redis is down)."""


class Preset(Record, wire.PresetInfo):
    """A partial spec with a name, and the cost of a job that is submitted from it."""

    spec: Fields
    cost: Cost


class Token(Record, wire.Token):
    """A token that the service accepts: `id`, `owner`, `scope`, `expires_at`, `last_used_at`; never its secret."""


class NewToken(Token, wire.NewToken):
    """A token that has just been made; `token` is its secret, which no `repr` shows."""

    def __repr__(self) -> str:
        return f"NewToken(id={self.id!r}, owner={self.owner!r}, scope={self.scope!r}, …)"


class Dataset(Record, wire.DatasetInfo):
    """A data set that a job can name; `held` lists the copies of live workers, whose ids are each copy's `workers`."""

    held: list[Fields]

    @property
    def usable(self) -> list[Fields]:
        """The copies in `held` that a job can train on: those that are complete or loaded, and downloads."""
        return [copy for copy in self.held if copy.get("ready", True) or copy.get("source") == "download"]


class JobOutcome(Record, wire.JobOutcome):
    """What became of one job of several: `outcome` is ``cancelled``, ``requested`` or ``deleted``.

    `id` is what was asked for, `job_id` the whole id. Where the job stayed as it was, `outcome` is None, and `error`
    says why.
    """

    error: Failure | None


class WhoAmI(Record, wire.WhoAmI):
    """Who the client is to the service.

    `owner` and `scope` are those of its token, whose id is `token_id` and which expires at `expires_at` (None: never);
    `authentication` is False at a service that asks for no token, where `owner` is None.
    """
