"""Questions to predictors and their answers, through Redis.

A question is a hash with its document and the bytes of its images as they were sent: nothing is encoded as text. The
message in Celery's queue carries the question's id alone. An answer goes into a list of the question's own, where its
asker waits with BLPOP, on a connection of its own from redis-py's pool. All of it expires within a minute.

Celery's result backend would share one subscription among a process' threads, or keep one for each thread for ever, and
repeats a lost connection for longer than a request may take (celery#4670, #6819, #4857).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Self, TypeAlias

import orjson
import redis

from shared.delivery.rest import ONCE_MORE
from shared.errors import FieldError

TASK_NAME = "flightline.predict"
QUEUE = "flightline.predict"
EXPIRE_SECONDS = 60
"""How long a question waits for a predictor, and an answer for its asker."""
_SOCKET_SECONDS = 3.0
_ALIVE = b""
"""The element that says: a predictor is working on the answer."""

Weights: TypeAlias = Literal["best", "last"]


@dataclass(frozen=True)
class Classify:
    """What does a job's network make of these images? Answered with the probabilities of each, one list for each."""

    kind: ClassVar[str] = "classify"
    job_id: str
    weights: Weights
    names: tuple[str, ...]
    """The images' names for error messages, such as the names of their files."""


@dataclass(frozen=True)
class Export:
    """Write a job's network as ONNX, and store the file as the job's artifact ``WEIGHTS.onnx``."""

    kind: ClassVar[str] = "export"
    job_id: str
    weights: Weights


@dataclass(frozen=True)
class ReadImage:
    """One image of a data set. Answered with a PNG."""

    kind: ClassVar[str] = "read_image"
    dataset: str
    split: Literal["train", "val"]
    index: int
    moments: tuple[tuple[float, ...], tuple[float, ...]] | None
    """Mean and deviation of each channel, to normalise the image by; None for the image as it is."""


Question: TypeAlias = Classify | Export | ReadImage
_KINDS: Mapping[str, Callable[..., Question]] = {kind.kind: kind for kind in (Classify, Export, ReadImage)}


@dataclass(frozen=True)
class Answered:
    """An answer: JSON values by name, and a file's bytes where the question asked for a file."""

    values: Mapping[str, Any]
    content: bytes = b""


@dataclass(frozen=True)
class Refused:
    """Why a question has no answer: the code of an error of `shared.errors`, and what is wrong, for people."""

    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()


class Exchange:
    """Questions and answers in one Redis. Thread-safe. Errors of Redis are redis-py's own.

    Args:
        client: a client whose socket timeout is longer than any `seconds` given to `wait`.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    @classmethod
    def connect(cls, redis_url: str, *, longest_wait_seconds: float = 0.0) -> Self:
        """Return an exchange over connections of its own, made on first use.

        A call is repeated once, over a new connection, where the connection has ended since its last use.
        """
        client = redis.Redis.from_url(
            redis_url,
            socket_timeout=longest_wait_seconds + _SOCKET_SECONDS,
            socket_connect_timeout=_SOCKET_SECONDS,
            retry=ONCE_MORE,
        )
        return cls(client)

    def put(self, question: Question, images: Sequence[bytes] = ()) -> str:
        """Store a question with its images; return its id, to be sent to the predictors."""
        question_id = uuid.uuid4().hex
        document = orjson.dumps({"kind": question.kind, **asdict(question)})
        fields: dict[Any, Any] = {"question": document, **{str(i): image for i, image in enumerate(images)}}
        pipeline = self._redis.pipeline()
        pipeline.hset(_question(question_id), mapping=fields)
        pipeline.expire(_question(question_id), EXPIRE_SECONDS)
        pipeline.execute()
        return question_id

    def take(self, question_id: str) -> tuple[Question, list[bytes]] | None:
        """Take a question with its images out of Redis; None where its asker has given up, or another took it."""
        pipeline = self._redis.pipeline()
        pipeline.hgetall(_question(question_id))
        pipeline.delete(_question(question_id))
        found: dict[bytes, bytes] = pipeline.execute()[0]
        if not found:
            return None
        images = [found[str(number).encode()] for number in range(len(found) - 1)]
        return _read(orjson.loads(found[b"question"])), images

    def show_life(self, question_id: str) -> None:
        """Tell the asker that its question is being worked on."""
        self._push(question_id, _ALIVE)

    def answer(self, question_id: str, answer: Answered | Refused) -> None:
        """Send the answer to the asker, if it still waits."""
        if isinstance(answer, Answered):
            head, content = {"values": answer.values}, answer.content
        else:
            head, content = {"refused": asdict(answer)}, b""
        self._push(question_id, orjson.dumps(head) + b"\n" + content)

    def wait(self, question_id: str, seconds: float) -> Answered | Refused | None:
        """Wait for the answer; None after a sign of life.

        Raises:
            TimeoutError: neither came within `seconds`.
        """
        found: Any = self._redis.blpop([_answer(question_id)], seconds)
        if found is None:
            raise TimeoutError
        return None if found[1] == _ALIVE else _answered(found[1])

    def forget(self, question_id: str) -> None:
        """Delete a question that nobody waits for any more, and its answer."""
        self._redis.delete(_question(question_id), _answer(question_id))

    def waiting(self) -> int:
        """Return the number of messages that no predictor has taken."""
        return int(self._redis.llen(QUEUE))

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _push(self, question_id: str, element: bytes) -> None:
        pipeline = self._redis.pipeline()
        pipeline.rpush(_answer(question_id), element)
        pipeline.expire(_answer(question_id), EXPIRE_SECONDS)
        pipeline.execute()


def _question(question_id: str) -> str:
    return f"flightline:question:{question_id}"


def _answer(question_id: str) -> str:
    return f"flightline:answer:{question_id}"


def _read(document: dict[str, Any]) -> Question:
    kind = _KINDS[document.pop("kind")]
    return kind(**{name: _frozen(one) for name, one in document.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value


def _answered(element: bytes) -> Answered | Refused:
    head, _, content = element.partition(b"\n")
    document = orjson.loads(head)
    if "values" in document:
        return Answered(document["values"], content)
    refused = document["refused"]
    return Refused(refused["code"], refused["detail"], tuple(FieldError(**one) for one in refused["errors"]))
