"""What comes back from the service: read-only views of its JSON.

Every key is an attribute, of objects within objects too, and `raw` is the JSON itself: a key that a newer service adds
is there without a newer client. The annotations name the keys of this release.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, overload

from flightline.client.fields import Fields, known, with_attributes

FINISHED = frozenset({"succeeded", "failed", "cancelled"})


class View:
    """JSON whose keys are attributes, those of objects within it too; what is read once stays the same object.

    Attributes:
        raw: the JSON as the service sent it.
    """

    raw: dict[str, Any]
    nested: ClassVar[Mapping[str, type[View]]] = {}
    _read: dict[str, Any]

    __slots__ = ("_read", "raw")

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
            self._read[key] = self._wrapped(key, self.raw[key])
        return self._read[key]

    def _wrapped(self, key: str, value: object) -> object:
        if isinstance(value, Mapping) and key in self.nested:
            return self.nested[key](value)
        if isinstance(value, list) and key in self.nested:
            return tuple(self.nested[key](item) for item in value)
        return with_attributes(value)

    def __setattr__(self, key: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only.")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.raw]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.raw == self.raw

    __hash__ = None  # type: ignore[assignment] # a view of a dict, and compared like one

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self.raw)!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[Mapping[str, Any]]]:
        return type(self), (self.raw,)


class Record(View, Mapping[str, Any]):
    """A JSON object: its keys are attributes, and items as in a dict that is read only."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        return self._value(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)


class Cost(Record):
    """What a job needs: `parameters`, `flops_per_epoch`, `weight_bytes`; a dry run adds `layers`."""

    __slots__ = ()
    parameters: int
    flops_per_epoch: int
    weight_bytes: int


class Progress(Record):
    """How far a job is; `eta_seconds` is None until an epoch has been timed."""

    __slots__ = ()
    epoch: int
    epochs: int
    eta_seconds: float | None


class Result(Record):
    """The latest epoch's figures, and the best one's accuracy (a fraction of all validation images)."""

    __slots__ = ()
    train_loss: float | None
    train_accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    best_val_accuracy: float | None
    best_epoch: int | None


class Failure(Record):
    """Why a job failed: a stable `code`, and `detail` for people."""

    __slots__ = ()
    code: str
    detail: str


class Job(Record):
    """One job: what was asked for and what became of it. Times are ISO 8601 in UTC."""

    __slots__ = ()
    nested: ClassVar = {"cost": Cost, "progress": Progress, "result": Result, "error": Failure}
    id: str
    kind: str
    name: str | None
    tags: list[str]
    preset: str | None
    status: str
    cancel_requested: bool
    priority: int
    spec: Fields
    spec_hash: str
    config_hash: str
    cost: Cost
    warnings: list[str]
    progress: Progress
    result: Result | None
    device: str | None
    engine: str | None
    worker: str | None
    attempts: int
    exact: bool
    error: Failure | None
    retry_of: str | None
    created_at: str
    queued_at: str | None
    not_before: str | None
    started_at: str | None
    finished_at: str | None

    @property
    def finished(self) -> bool:
        """Whether the status can change no more."""
        return self.status in FINISHED

    @property
    def succeeded(self) -> bool:
        """Whether it was trained to its end."""
        return self.status == "succeeded"


class Check(Record):
    """The answer to a dry run: the whole spec with its defaults, its hashes, its cost and the warnings."""

    __slots__ = ()
    nested: ClassVar = {"cost": Cost}
    spec: Fields
    spec_hash: str
    config_hash: str
    cost: Cost
    warnings: list[str]


class Epochs(View, Sequence["Epoch"]):
    """The epochs of a job: a sequence of `Epoch`, and columns of equal length as attributes.

    ``zip(epochs.epoch, epochs.train_loss)`` goes over two columns, ``pandas.DataFrame(epochs)`` has them all.
    """

    __slots__ = ()
    epoch: list[int]
    train_loss: list[float | None]
    train_accuracy: list[float | None]
    last_batch_loss: list[float | None]
    val_loss: list[float | None]
    val_accuracy: list[float | None]
    lr: list[float | None]
    seconds: list[float | None]
    samples_per_second: list[float | None]

    def rows(self) -> list[Epoch]:
        """One record an epoch."""
        columns = self._columns()
        return [Epoch(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]

    def _columns(self) -> dict[str, list[Any]]:
        return {key: column for key, column in self.raw.items() if isinstance(column, list)}

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.rows())

    @overload
    def __getitem__(self, index: int) -> Epoch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Epoch]: ...
    def __getitem__(self, index: int | slice) -> Epoch | list[Epoch]:
        if isinstance(index, slice):
            return self.rows()[index]
        return Epoch({key: column[index] for key, column in self._columns().items()})

    def __len__(self) -> int:
        return len(self.raw["epoch"])


class Epoch(Record):
    """One epoch of a job: mean losses and accuracies over the split, `seconds`, `samples_per_second`.

    `attempt` ran it; `seq` is its place among the job's events.
    """

    __slots__ = ()
    epoch: int
    train_loss: float | None
    train_accuracy: float | None
    last_batch_loss: float | None
    val_loss: float | None
    val_accuracy: float | None
    lr: float | None
    seconds: float | None
    samples_per_second: float | None
    attempt: int
    seq: int


class Event(Record):
    """Something that happened to a job.

    `seq` is its place: later events have larger numbers, without gaps but for epochs that were run again. `kind` is
    ``status``, ``epoch`` (an epoch's figures), ``resumed`` (`attempt` goes on with epoch `from_epoch`; what was seen of
    that epoch and later ones is run again), ``cancel_requested`` or ``priority``; `data` is what that kind says.
    """

    __slots__ = ()
    seq: int
    kind: str
    data: Fields


class ClassFigures(Record):
    """Precision, recall and F1 of one class, and how many validation images it has (`support`)."""

    __slots__ = ()
    precision: float
    recall: float
    f1: float
    support: int


class Evaluation(Record):
    """How the best or last weights do on the validation images; `confusion_matrix[true][predicted]`."""

    __slots__ = ()
    nested: ClassVar = {"per_class": ClassFigures}
    loss: float
    accuracy: float
    classes: list[str]
    confusion_matrix: list[list[int]]
    per_class: tuple[ClassFigures, ...]


class Attempt(Record):
    """One worker's try at a job; `outcome` is None while it runs."""

    __slots__ = ()
    nested: ClassVar = {"error": Failure}
    attempt: int
    worker: str
    device: str
    outcome: str | None
    environment: Fields | None
    resumed_from_epoch: int | None
    error: Failure | None
    started_at: str
    finished_at: str | None


class LogLine(Record):
    """One line of a job's log."""

    __slots__ = ()
    line: int
    attempt: int
    level: str
    message: str
    created_at: str


class Artifact(Record):
    """One kept output of a job; `name` is what `Client.download` takes."""

    __slots__ = ()
    name: str
    path: str
    sha256: str
    bytes: int
    created_at: str


class Worker(Record):
    """One process pinned to one device, with what it holds and does."""

    __slots__ = ()
    id: str
    host: str
    pid: int
    device: str
    device_kind: str
    device_name: str | None
    versions: Fields
    datasets: list[Fields]
    state: str
    job_id: str | None
    started_at: str
    last_heartbeat_at: str

    @property
    def live(self) -> bool:
        """Whether it still reports itself."""
        return self.state != "gone"


class Queue(Record):
    """One queue: jobs that wait, the oldest one's age, and messages in Redis (None while Redis is down)."""

    __slots__ = ()
    name: str
    depth: int
    oldest_age_seconds: float | None
    messages: int | None


class Preset(Record):
    """A named partial spec with what it costs."""

    __slots__ = ()
    nested: ClassVar = {"cost": Cost}
    name: str
    title: str
    note: str
    spec: Fields
    cost: Cost


class Dataset(Record):
    """A data set that a job can name; `held` is what the live workers hold of it, each with their ids in `workers`."""

    __slots__ = ()
    name: str
    classes: list[str]
    held: list[Fields]

    @property
    def usable(self) -> list[Fields]:
        """Of `held`, what a job can have: complete copies, loaded ones, and what can be downloaded."""
        return [copy for copy in self.held if copy.get("ready", True) or copy.get("source") == "download"]
