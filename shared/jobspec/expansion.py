"""Expansion of presets and short forms before a document is checked, and the way back for pointers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.documents.phrases import did_you_mean, listed, show
from shared.documents.pointers import Token, pointer, walk_in
from shared.errors import FieldError
from shared.jobspec.catalog import Catalog
from shared.jobspec.datasets import DEFAULT_CHANNELS, DEFAULT_CLASSES, DEFAULT_DATASET
from shared.jobspec.presets import PRESETS

_ARCHITECTURES = {name: preset.document["architecture"] for name, preset in PRESETS.items()}
_EMPTY: Mapping[str, object] = {}


@dataclass(frozen=True)
class Expanded:
    """A submission with its preset and short forms expanded.

    Attributes:
        sent: the document as sent.
        document: the expanded document, without defaults.
        preset: name of the preset, if any.
        problems: unknown presets and short forms; their fields are left out of `document`.
    """

    sent: Mapping[str, object]
    document: Mapping[str, object]
    preset: str | None
    problems: tuple[FieldError, ...] = ()

    def pointer(self, path: Sequence[Token]) -> str:
        """Return the pointer into the sent document that is responsible for `path` in the expanded document.

        For a field of a short form it is the short form, for a field that only the preset sets `/preset`, and for a
        missing field the object that lacks it.
        """
        present, value = walk_in(self.sent, path)
        if self.preset and isinstance(value, Mapping):
            inherited, _ = walk_in(PRESETS[self.preset].document, path)
            if len(inherited) > len(present):
                return "/preset"
        return pointer(present)


def short_forms(catalog: Catalog) -> Mapping[str, Mapping[str, object]]:
    """Return the expansion of each short form, by field and short form."""
    return {"architecture": _ARCHITECTURES, "dataset": catalog.short_forms}


def expand(sent: Mapping[str, object], catalog: Catalog) -> Expanded:
    """Expand `preset`, `"architecture": "a-preset"`, `"dataset": "cifar2"` and a data set's usual settings.

    Explicit fields override expanded ones.

    An object that names another `kind` (a data set: another `name`) than the preset's replaces the preset's;
    otherwise the two are merged field by field. A list replaces a list.
    """
    problems: list[FieldError] = []
    preset = sent.get("preset")
    if preset is not None and not (isinstance(preset, str) and preset in PRESETS):
        problems.append(FieldError("/preset", _unknown("preset", preset, list(PRESETS))))
        preset = None
    base = PRESETS[preset].document if isinstance(preset, str) else _EMPTY
    document, every = dict(base), short_forms(catalog)
    for field, value in sent.items():
        forms = every.get(field)
        if field == "preset":
            continue
        if forms is None or not isinstance(value, str):
            document[field] = _merged(base.get(field), value)
        elif value in forms:
            document[field] = forms[value]
        else:
            problems.append(FieldError(f"/{field}", _unknown_form(field, value, list(forms), catalog)))
    document = _with_optimizer_kind(_with_last_features(_with_usual_data(document, catalog)))
    return Expanded(sent, document, preset if isinstance(preset, str) else None, tuple(problems))


def _merged(base: object, value: object) -> object:
    """Merge `value` over `base` field by field, unless either is no object or their kinds or names differ."""
    if not (isinstance(base, Mapping) and isinstance(value, Mapping)):
        return value
    if any(tag in value and value[tag] != base.get(tag, value[tag]) for tag in ("kind", "name")):
        return value
    return {**base, **{key: _merged(base.get(key), inner) for key, inner in value.items()}}


def _with_usual_data(document: dict[str, object], catalog: Catalog) -> dict[str, object]:
    """Add the data set's usual classes, channels and normalisation where the document does not state them.

    The classes null stand for all.
    """
    dataset = document.get("dataset")
    name = dataset.get("name", DEFAULT_DATASET) if isinstance(dataset, Mapping) else None
    info = catalog.datasets.get(name) if isinstance(name, str) else None
    if not isinstance(dataset, Mapping):
        return document
    given = {field: value for field, value in dataset.items() if value is not None or field != "classes"}
    if info is None:
        return {**document, "dataset": given}
    classes = info.usual_classes if "classes" not in dataset else info.classes
    usual: dict[str, object] = {"classes": list(classes)}
    if info.channels != DEFAULT_CHANNELS:
        usual["channels"] = info.channels
    if not info.publishes_moments_of({**usual, **given}.get("channels", DEFAULT_CHANNELS)):
        usual["normalize"] = "computed"
    return {**document, "dataset": {**usual, **given}}


def _with_last_features(document: dict[str, object]) -> dict[str, object]:
    """Set `out_features` of the last linear layer to the number of classes where it is missing."""
    architecture = document.get("architecture")
    layers = architecture.get("layers") if isinstance(architecture, Mapping) else None
    if not isinstance(architecture, Mapping) or not isinstance(layers, Sequence) or isinstance(layers, str):
        return document
    linear = [
        index for index, layer in enumerate(layers) if isinstance(layer, Mapping) and layer.get("kind") == "linear"
    ]
    if linear and "out_features" not in layers[linear[-1]]:
        filled = list(layers)
        filled[linear[-1]] = {**layers[linear[-1]], "out_features": _count_of_classes(document)}
        return {**document, "architecture": {**architecture, "layers": filled}}
    return document


def _count_of_classes(document: Mapping[str, object]) -> int:
    dataset = document.get("dataset")
    classes = dataset.get("classes") if isinstance(dataset, Mapping) else None
    return len(classes) if isinstance(classes, list | tuple) and classes else len(DEFAULT_CLASSES)


def _with_optimizer_kind(document: dict[str, object]) -> dict[str, object]:
    """Add the default kind, sgd, to an optimizer without one, such as `{"lr": 0.1}`."""
    training = document.get("training")
    optimizer = training.get("optimizer") if isinstance(training, Mapping) else None
    if isinstance(training, Mapping) and isinstance(optimizer, Mapping) and "kind" not in optimizer:
        document["training"] = {**training, "optimizer": {"kind": "sgd", **optimizer}}
    return document


def _unknown_form(field: str, given: str, known: list[str], catalog: Catalog) -> str:
    if field == "dataset" and (info := catalog.datasets.get(given)):  # it has a short name that is not its own
        usual, whole = " and ".join(info.usual_classes), f'{{"name": {show(given)}, "classes": null}}'
        return f"Say which classes of {given}: {show(info.short_name)} is {usual}, {whole} is all of its classes."
    if field == "dataset":
        return _unknown("data set", given, known)
    preset = _unknown("preset with the network", given, known)
    return f'{preset} A network of torchvision\'s is {{"kind": "torchvision", "network": …}}.'


def _unknown(what: str, given: object, known: list[str]) -> str:
    return f"There is no {what} {show(given)}.{did_you_mean(given, known)} Known: {listed(known)}."
