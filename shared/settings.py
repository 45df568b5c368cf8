"""Every setting, read once from `FLIGHTLINE_*` variables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from typing_extensions import override

from shared.delivery.redis_socket import socket_path, socket_url
from shared.errors import ConfigurationError
from shared.hosts import is_loopback, read_networks, read_path, read_patterns
from shared.jobspec.caps import Caps
from shared.logs import LogFormat
from shared.paths import expanded
from shared.redaction import redacted
from shared.webhooks.hosts import read_entries


class Settings(BaseSettings):
    """The configuration of one process, immutable. docs/settings.md lists every setting.

    Raises:
        ConfigurationError: a value is invalid; the message names the variable.
    """

    model_config = SettingsConfigDict(env_prefix="FLIGHTLINE_", frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(Path("~/.flightline"), description="Folder of all state of this machine.")
    database_url: SecretStr = Field(
        SecretStr(""), description="SQLAlchemy URL; empty means SQLite in the home. Passwords in it are never printed."
    )
    redis_url: SecretStr = Field(
        SecretStr(""),
        description="`redis://`, `rediss://` or `unix://` URL; empty means the embedded Redis of the home.",
    )
    data_dir: Path = Field(Path(), description="Folder of the data sets; default `datasets` in the home.")
    artifacts_url: str = Field(
        "", description="Folder or fsspec URL of the artifacts; default `artifacts` in the home."
    )
    allow_download: bool = Field(default=False, description="Whether a worker may download a missing data set.")
    keep_weights: Literal["best,last", "best", "last", "none"] = Field(
        "best,last", description="Which weights of a finished job are stored as artifacts."
    )

    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Further host names of the API, separated by commas; `*` for every name."
    )
    base_path: str = Field("", description="Path below which the API is served, such as `/flightline`.")
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (),
        description="Proxies whose `X-Forwarded-*` headers count: addresses and networks, with commas.",
    )
    auth: Literal["auto", "on", "off"] = Field(
        "auto", description="Whether requests need a token; `auto`: unless `FLIGHTLINE_HOST` is a loopback address."
    )
    port: int = Field(8470, ge=0, le=65535, description="Port that the API listens on.")
    api_processes: int = Field(2, ge=1, le=64, description="API processes.")
    api_threads: int = Field(256, ge=1, le=1024, description="Threads of each API process.")
    client_seconds: float = Field(
        60.0, ge=0.1, description="How long a client may keep a thread waiting, beyond what a slow line explains."
    )

    lease_seconds: float = Field(15.0, ge=1.0, description="How long a worker's claim holds without a heartbeat.")
    heartbeat_seconds: float = Field(
        1.0, ge=0.1, description="How often a worker renews its claim and checks for a cancel."
    )
    reconcile_seconds: float = Field(
        1.0, ge=0.1, description="How often the reconciler searches for lost and unpublished jobs."
    )
    retry_seconds: float = Field(
        10.0,
        ge=0.0,
        le=86_400.0,
        description="Wait between a failed attempt and the next; six times as long after each further one.",
    )
    data_grace_seconds: float = Field(
        60.0, ge=0.0, description="How long a queued job waits for a worker that holds its images."
    )
    stall_seconds: float = Field(300.0, ge=1.0, description="A training loop without progress for this long is lost.")
    setup_seconds: float = Field(600.0, ge=1.0, description="The same before the first batch (decoding, downloading).")
    cut_off_seconds: float = Field(
        60.0, ge=1.0, description="An idle worker cut off from the database or its queue for this long exits."
    )
    stop_grace_seconds: float = Field(20.0, ge=0.0, description="Time that a stopping worker has to save and release.")
    checkpoint_seconds: float = Field(30.0, ge=0.0, description="Least time between two checkpoints of a job.")
    kept_checkpoints_bytes: int = Field(
        2_000_000_000, ge=0, description="Most bytes of finished jobs' checkpoints for equal jobs to go on from."
    )
    log_lines_per_job: int = Field(2000, ge=1, description="Log lines stored for each job.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: LogFormat = Field("text", description="Format of log lines: `text` for people, `json` for programs.")

    webhook_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Hosts that webhooks may be sent to, and networks that they may lie in, separated by commas."
    )
    webhook_key: SecretStr = Field(
        SecretStr(""), description="Key that signs webhooks, in base64; empty means the file `webhook.key` in the home."
    )

    max_body_bytes: int = Field(1_000_000, ge=1, description="Largest request body.")
    max_batch_bytes: int = Field(8_000_000, ge=1, description="Largest request body of a batch of jobs.")
    max_images_bytes: int = Field(32_000_000, ge=1, description="Largest request body of images to classify.")
    max_images_pixels: int = Field(500_000_000, ge=1, description="Most pixels of a request's images to classify.")
    requests_per_minute: int = Field(6000, ge=0, description="Most requests of a token in a minute; 0 for no limit.")
    failed_sign_ins_per_minute: int = Field(
        60, ge=0, description="Most requests with an unknown token from one address in a minute; 0 for no limit."
    )
    max_queued_per_owner: int = Field(0, ge=0, description="Most queued jobs of an owner; 0 for no limit.")
    max_parameters: int = Field(Caps.max_parameters, ge=1, description="Most parameters of a network.")
    max_layers: int = Field(Caps.max_layers, ge=1, description="Most layers of a network.")
    max_epochs: int = Field(Caps.max_epochs, ge=1, description="Most epochs of a job.")
    max_batch_size: int = Field(Caps.max_batch_size, ge=1, description="Largest batch.")
    max_activations: int = Field(Caps.max_activations, ge=1, description="Most values that one batch may produce.")
    max_flops_per_epoch: int = Field(Caps.max_flops_per_epoch, ge=1, le=2**53, description="Most work of one epoch.")
    max_dataset_bytes: int = Field(
        Caps.max_dataset_bytes, ge=1, description="Most bytes of a data set's decoded images."
    )
    max_name_length: int = Field(Caps.max_name_length, ge=1, le=1000, description="Longest name or tag.")
    max_tags: int = Field(Caps.max_tags, ge=0, le=1000, description="Most tags of a job.")

    if not TYPE_CHECKING:  # type checkers know the fields

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise ConfigurationError(" ".join(map(_fault, error.errors(include_url=False)))) from None

    @override
    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield the fields as `repr` shows them: a URL without its password."""
        for name, value in super().__repr_args__():
            yield name, redacted(value) if isinstance(value, str) else value

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _read_hosts(cls, value: object) -> object:
        return read_patterns(value) if isinstance(value, str) else value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _read_networks(cls, value: object) -> object:
        return read_networks(value) if isinstance(value, str) else value

    @field_validator("base_path")
    @classmethod
    def _read_base_path(cls, value: str) -> str:
        return read_path(value)

    @field_validator("webhook_hosts", mode="before")
    @classmethod
    def _read_webhook_hosts(cls, value: object) -> object:
        return read_entries(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_lease(self) -> Self:
        if self.heartbeat_seconds * 3 > self.lease_seconds:
            message = (
                f"FLIGHTLINE_HEARTBEAT_SECONDS ({self.heartbeat_seconds:g}) must be at most a third of "
                f"FLIGHTLINE_LEASE_SECONDS ({self.lease_seconds:g}), or one late beat costs the job."
            )
            raise ValueError(message)
        return self

    @property
    def home_dir(self) -> Path:
        """Return the home as an absolute path."""
        return expanded(self.home, "FLIGHTLINE_HOME")

    @property
    def datasets_dir(self) -> Path:
        """Return the data directory as an absolute path."""
        if self.data_dir == Path():
            return self.home_dir / "datasets"
        return expanded(self.data_dir, "FLIGHTLINE_DATA_DIR")

    @property
    def sqlalchemy_url(self) -> str:
        """Return the database's URL; SQLite in the home unless set."""
        return self.database_url.get_secret_value() or f"sqlite:///{self.home_dir / 'flightline.db'}"

    @property
    def broker_url(self) -> str:
        """Return Redis' URL; the embedded server's socket unless set."""
        return self.redis_url.get_secret_value() or socket_url(socket_path(self.home_dir))

    @property
    def storage_url(self) -> str:
        """Return the URL or folder of the artifacts; a folder in the home unless set."""
        return self.artifacts_url or str(self.home_dir / "artifacts")

    @property
    def cache_dir(self) -> Path:
        """Return the folder of decoded data sets, which processes share."""
        return self.home_dir / "cache"

    @property
    def authenticated(self) -> bool:
        """Return whether requests need a token: always, never, or where other machines can send them."""
        return self.auth == "on" or (self.auth == "auto" and not is_loopback(self.host))

    @property
    def caps(self) -> Caps:
        """Return the limits that a submission is checked against."""
        return Caps(**{cap.name: getattr(self, cap.name) for cap in fields(Caps)})


_PLAIN = {
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
}
"""What pydantic says of a setting in words of its own, as people say it."""


def _fault(fault: Any) -> str:
    """Describe what is wrong with one variable, without its value, which may be a secret."""
    if plain := _PLAIN.get(fault["type"]):
        said = plain.format(**fault.get("ctx", {}))
    else:
        said = fault["msg"].removeprefix("Value error, ").rstrip(".")
    return f"FLIGHTLINE_{str(fault['loc'][0]).upper()}: {said}." if fault["loc"] else f"{said}."
