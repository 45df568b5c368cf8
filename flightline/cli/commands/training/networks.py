"""The commands predict, evaluate, export and mistakes: what a finished job's network is good for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from flightline.cli.arguments import find_job
from flightline.cli.columns import Columns
from flightline.cli.commands.options import JobId, Json, Weights
from flightline.cli.commands.training.mlflow import export_mlflow
from flightline.cli.commands.training.results import show_evaluation
from flightline.cli.commands.training.submission import announce_warnings, follow_to_success
from flightline.cli.console import err, out, print_json, print_table
from flightline.cli.tables import NOTHING, loss, percent
from flightline.client.client import Client
from flightline.client.files.downloads import File
from flightline.client.records import Mistake, Prediction
from flightline.errors import UsageError

Format = Literal["onnx", "notebook", "safetensors"]

PREDICTION_COLUMNS = Columns(
    ("IMAGE", "CLASS", "PROBABILITY", "NEXT"), shortened="IMAGE", dropped=("NEXT", "PROBABILITY")
)
MISTAKE_COLUMNS = Columns(
    ("IMAGE", "TRUE", "PREDICTED", "PROBABILITY", "OF TRUE"), shortened="IMAGE", dropped=("OF TRUE", "PROBABILITY")
)


FILE = "file"


class Exports(TyperGroup):
    """The group of `export`, whose usual command needs no name: `export ID --onnx` is `export file ID --onnx`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the usual command's name before arguments that name none."""
        named = not args or args[0] in self.commands or args[0] in ctx.help_option_names
        return super().parse_args(ctx, args if named else [FILE, *args])


exports = typer.Typer(
    cls=Exports, no_args_is_help=True, help="Write a job into a file (`export ID --onnx`), or jobs to an MLflow server."
)


def register(app: typer.Typer) -> None:
    """Add `predict`, `evaluate`, `export` and `mistakes` to the command-line application."""
    for command in (predict, evaluate, mistakes):
        app.command()(command)
    exports.command(FILE)(export)
    exports.command("mlflow")(export_mlflow)
    app.add_typer(exports, name="export")


def predict(
    id: JobId,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE…", help="Image files.", show_default=False)],
    weights: Annotated[Weights, typer.Option(help="The weights of the best epoch or of the last.")] = Weights.best,
    json: Json = False,
) -> None:
    """Classify images with a finished job's network; they may have any size."""
    with Client() as client:
        found = client.predict_many(find_job(client, id), images, weights=weights.value)
    if json:
        print_json({"items": [prediction.raw for prediction in found], "weights": weights.value})
        return
    rows = [_prediction_row(image, prediction) for image, prediction in zip(images, found, strict=True)]
    print_table(PREDICTION_COLUMNS, rows, "No images.")


def evaluate(
    id: JobId,
    dataset: Annotated[str, typer.Argument(help="A data set with the job's classes.", show_default=False)],
    val_fraction: Annotated[
        float | None, typer.Option(help="Part of each class to score, of a data set without validation images.")
    ] = None,
    weights: Annotated[Weights, typer.Option(help="The weights of the best epoch or of the last.")] = Weights.best,
    json: Json = False,
) -> None:
    """Score a finished job's network on another data set's validation images, and show the figures of each class."""
    images: dict[str, object] = {"name": dataset}
    if val_fraction is not None:
        images["val_fraction"] = val_fraction
    with Client() as client:
        job = client.evaluate(find_job(client, id), images, weights=weights.value)
        announce_warnings(job)
        job = follow_to_success(client, job, err() if json else out())
        evaluation = client.evaluation(job.id, weights.value)
    if json:
        print_json(evaluation.raw)
    else:
        show_evaluation(evaluation, f"validation images of {dataset}")
        out().print(f"Accuracy {percent(evaluation.accuracy)}, loss {loss(evaluation.loss)}.")


def export(
    id: JobId,
    onnx: Annotated[bool, typer.Option("--onnx", help="The network with its normalisation.")] = False,
    notebook: Annotated[bool, typer.Option("--notebook", help="A Jupyter notebook that repeats the job.")] = False,
    safetensors: Annotated[bool, typer.Option("--safetensors", help="The weights, with what they mean.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write, or a folder; default this folder.")
    ] = None,
    weights: Annotated[Weights, typer.Option(help="The weights of the best epoch or of the last.")] = Weights.best,
    json: Json = False,
) -> None:
    """Write a finished job's network, or a notebook that repeats the job, into a file.

    A file that --output names is replaced; one under the usual name is not.
    """
    wanted = _format(onnx=onnx, notebook=notebook, safetensors=safetensors)
    if output == Path("-"):
        raise UsageError("A network is written into a file, whole or not at all. Name a file instead of -.")
    with Client() as client:
        job_id = find_job(client, id)
        file = client.notebook(job_id) if wanted == "notebook" else client.export(job_id, wanted, weights.value)
    path = _save(file, output)
    if json:
        print_json({"path": str(path), "bytes": len(file.content)})
    else:
        out().print(str(path), markup=False)


def mistakes(
    id: JobId,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many at most.")] = 20,
    weights: Annotated[Weights, typer.Option(help="The weights of the best epoch or of the last.")] = Weights.best,
    json: Json = False,
) -> None:
    """List the validation images that a job's network got most wrong, the worst first."""
    with Client() as client:
        found = client.mistakes(find_job(client, id), limit, weights.value)
    if json:
        print_json({"items": [mistake.raw for mistake in found], "next_cursor": None})
    else:
        print_table(MISTAKE_COLUMNS, [_mistake_row(mistake) for mistake in found], "No mistakes.")


def _format(*, onnx: bool, notebook: bool, safetensors: bool) -> Format:
    """The one format that was asked for."""
    asked: dict[Format, bool] = {"onnx": onnx, "notebook": notebook, "safetensors": safetensors}
    chosen = [name for name, is_asked in asked.items() if is_asked]
    if len(chosen) != 1:
        raise UsageError("Say which one file to write: --onnx, --notebook or --safetensors.")
    return chosen[0]


def _save(file: File, output: Path | None) -> Path:
    """Write the file where it was asked for, else under its own name, which must be free."""
    target = Path() / file.name if output is None else output / file.name if output.is_dir() else output
    if target != output and target.exists():
        raise UsageError(f"{target} is there already. Write {target} behind -o to replace it, or name another file.")
    try:
        return file.save(target)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}.") from error


def _prediction_row(image: Path, prediction: Prediction) -> list[object]:
    """An image's cells for `PREDICTION_COLUMNS`; the last one is the class that is next to the likeliest."""
    (name, probability), *others = _likeliest_first(prediction)
    following = f"{others[0][0]} {percent(others[0][1])}" if others else NOTHING
    return [str(image), name, percent(probability), following]


def _mistake_row(mistake: Mistake) -> list[object]:
    """A mistake's cells for `MISTAKE_COLUMNS`."""
    place = mistake.file or f"{mistake.split} {mistake.index}"
    probabilities = mistake.probabilities
    predicted, true = (percent(probabilities.get(name)) for name in (mistake.predicted, mistake.true))
    return [place, mistake.true, mistake.predicted, predicted, true]


def _likeliest_first(prediction: Prediction) -> list[tuple[str, float]]:
    """The classes with their probabilities, the predicted one first."""
    probabilities = prediction.probabilities.items()
    return sorted(probabilities, key=lambda each: (each[0] != prediction["class"], -each[1]))
