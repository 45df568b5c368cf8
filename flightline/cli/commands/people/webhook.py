"""The commands webhook add, list, delete, rotate, enable, test, deliveries and redeliver."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from flightline.cli.columns import Columns
from flightline.cli.commands.options import Json
from flightline.cli.console import JOB_FAILED, err, out, print_json, print_table
from flightline.cli.tables import NOTHING, moment
from flightline.client.client import Client
from flightline.client.webhooks import Delivery, NewWebhook, Webhook
from flightline.errors import UsageError
from shared.webhooks.status import DeliveryStatus, EventType

SHORTEST_ID = 4
TEST_SECONDS, LOOK_SECONDS = 20.0, 0.2
"""How long `webhook test` waits for an attempt, and between two looks."""
WEBHOOK_COLUMNS = Columns(("ID", "URL", "EVENTS", "STATE"), wrapped=("URL", "STATE"), dropped=("EVENTS",))
DELIVERY_COLUMNS = Columns(
    ("ID", "EVENT", "ABOUT", "STATUS", "ATTEMPTS", "LAST (UTC)", "ANSWER"),
    wrapped=("ANSWER",),
    dropped=("LAST (UTC)", "EVENT", "ATTEMPTS"),
)


Id = Annotated[
    str, typer.Argument(metavar="ID", help="A webhook's id, or four or more characters of its end.", show_default=False)
]
webhook = typer.Typer(no_args_is_help=True, help="Have other services told of what has finished, by signed requests.")


def register(app: typer.Typer) -> None:
    """Add the group `webhook` to the command-line application."""
    for command in (add, delete, rotate, enable, deliveries, redeliver):
        webhook.command()(command)
    webhook.command("list")(list_webhooks)
    webhook.command("test")(send_test)
    app.add_typer(webhook, name="webhook")


def add(
    url: Annotated[str, typer.Argument(help="Where to send; its host must be in FLIGHTLINE_WEBHOOK_HOSTS.")],
    event: Annotated[
        list[str] | None, typer.Option(help="What to tell of, job.finished or sweep.finished; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Have a URL told of finished jobs, or of sweeps, and print the secret that verifies its messages, once."""
    with Client() as client:
        _show_secret(client.add_webhook(url, event or ["job.finished"]), json=json)


def list_webhooks(json: Json = False) -> None:
    """List the webhooks, and whether their receivers work."""
    with Client() as client:
        found = client.webhooks()
    if json:
        print_json({"items": [one.raw for one in found], "next_cursor": None})
    else:
        print_table(
            WEBHOOK_COLUMNS, [_row(one) for one in found], "No webhooks. Add one: `flightline webhook add URL`."
        )


def delete(id: Id) -> None:
    """Delete a webhook, with what has not been delivered."""
    with Client() as client:
        client.delete_webhook(_whole(client, id))
    out().print("Deleted.")


def rotate(id: Id, json: Json = False) -> None:
    """Give a webhook a new secret; for a day its messages are signed with both."""
    with Client() as client:
        _show_secret(client.rotate_webhook(_whole(client, id)), json=json)


def enable(id: Id, json: Json = False) -> None:
    """Enable a webhook whose receiver failed for a day, or answered 410; what waits is sent."""
    with Client() as client:
        enabled = client.enable_webhook(_whole(client, id))
    if json:
        print_json(enabled.raw)
    else:
        out().print("Enabled.")


def send_test(id: Id, json: Json = False) -> None:
    """Send a webhook the event `webhook.test`, and wait for what becomes of it."""
    with Client() as client:
        whole = _whole(client, id)
        sent = _attempted(client, client.test_webhook(whole))
    if json:
        print_json(sent.raw)
    elif sent.status == DeliveryStatus.DELIVERED:
        out().print(f"Delivered: answered {sent.response_status}.", markup=False)
    else:
        err().print(sent.error or "Not sent yet. `flightline webhook deliveries` says later how it went.", markup=False)
    if sent.status != DeliveryStatus.DELIVERED:
        raise typer.Exit(JOB_FAILED)


def deliveries(
    id: Id,
    status: Annotated[DeliveryStatus | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many.")] = 20,
    json: Json = False,
) -> None:
    """List what a webhook was sent in the last 30 days, newest first, and what became of it."""
    with Client() as client:
        found = client.deliveries(_whole(client, id), status=status, limit=limit)
    if json:
        print_json({"items": [one.raw for one in found], "next_cursor": None})
    else:
        print_table(DELIVERY_COLUMNS, [_delivery_row(one) for one in found], "No deliveries.")


def redeliver(
    id: Id,
    delivery: Annotated[str, typer.Argument(help="The delivery's id, as `webhook deliveries` lists it.")],
    json: Json = False,
) -> None:
    """Send a delivery once more, under the same id, whatever became of it."""
    with Client() as client:
        sent = client.redeliver(_whole(client, id), delivery)
    if json:
        print_json(sent.raw)
    else:
        out().print("It is sent once more.")


def _whole(client: Client, text: str) -> str:
    """The id of the webhook that a text names.

    Raises:
        UsageError: the text is too short, or fits no webhook or several.
    """
    found = [one.id for one in client.webhooks() if one.id.endswith(text.lower())] if len(text) >= SHORTEST_ID else []
    if len(found) != 1:
        what = f"fits {len(found)} webhooks: {', '.join(found)}" if found else "is the id of no webhook"
        raise UsageError(
            f"{text!r} {what}. `flightline webhook list` has their ids; four characters of the end will do."
        )
    return found[0]


def _attempted(client: Client, sent: Delivery) -> Delivery:
    """The delivery once it was tried, or as it is after `TEST_SECONDS`."""
    deadline = time.monotonic() + TEST_SECONDS
    while not sent.attempts and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        listed: Sequence[Delivery] = client.deliveries(sent.webhook_id, limit=100)
        sent = next((one for one in listed if one.id == sent.id), sent)
    return sent


def _show_secret(made: NewWebhook, *, json: bool) -> None:
    if json:
        print_json(made.raw)
        return
    out().print(made.id)
    out().print(f"Secret: {made.secret}", markup=False)
    err().print("It verifies the messages, and is shown this once: give it to the receiver.")


def _row(one: Webhook) -> list[object]:
    failing = f"failing since {moment(one.failing_since)}" if one.failing_since else "enabled"
    return [one.id, one.url, ", ".join(one.events), failing if one.enabled else f"disabled: {one.disabled_reason}"]


def _delivery_row(one: Delivery) -> list[object]:
    tried = moment(one.attempted_at) if one.attempted_at else NOTHING
    answer = one.error or (f"answered {one.response_status}" if one.response_status else NOTHING)
    about = NOTHING if one.event == EventType.TEST else one.payload["data"]["id"][-8:]
    return [one.id, one.event, about, one.status, one.attempts, tried, answer]
