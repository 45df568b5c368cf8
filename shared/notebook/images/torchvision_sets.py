"""torchvision's small data sets, written out: read from its copies, or downloaded by it."""

from __future__ import annotations

from shared.jobspec.datasets import BUILT_IN_DATASETS
from shared.jobspec.fields.job import Dataset
from shared.notebook.images import resizing
from shared.notebook.python_text import joined, lines, literal

_CLASSES = {
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "stl10": "STL10",
}
_IN_ORDER = "images[chosen].clone(memory_format=torch.contiguous_format)"
_BODIES = {
    "cifar": """
    whole = datasets.{name}(DATA_DIR, train=split == "train", download=True)
    images, targets = torch.from_numpy(whole.data).permute(0, 3, 1, 2), torch.tensor(whole.targets)
""",
    "mnist": """
    whole = datasets.{name}(DATA_DIR, train=split == "train", download=True)
    images, targets = whole.data[:, None], whole.targets
""",
    "stl10": """
    whole = datasets.{name}(DATA_DIR, split="train" if split == "train" else "test", download=True)
    images, targets = torch.from_numpy(whole.data), torch.from_numpy(whole.labels).long()
""",
    "svhn": """
    url, name, md5 = datasets.SVHN.split_list["train" if split == "train" else "test"]
    datasets.utils.download_url(url, DATA_DIR, name, md5)
    found = read_matlab(DATA_DIR / name)
    images = torch.from_numpy(found["X"].astype(np.uint8).transpose(3, 2, 0, 1).copy())
    targets = torch.from_numpy(found["y"].ravel().astype(np.int64)) % 10  # the label 10 stands for the digit 0
""",
}
_READ_MATLAB = '''
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}


def elements(content):
    """The elements of a part of a MATLAB file, each with the number of its type; compressed ones are unpacked."""
    found, at = [], 0
    while at + 8 <= len(content):
        kind, size = struct.unpack_from("<II", content, at)
        if kind >> 16:  # a small element: type, size and up to four bytes in eight
            kind, size, start, step = kind & 0xFFFF, kind >> 16, at + 4, 8
        else:
            start, step = at + 8, 8 + (size if kind == 15 else size + -size % 8)
        body = content[start : start + size]
        found += elements(zlib.decompress(body)) if kind == 15 else [(kind, body)]
        at += step
    return found


def read_matlab(path):
    """The arrays of a MATLAB file of version 5, by name. (torchvision needs scipy for them.)"""
    arrays = {}
    for _, matrix in elements(path.read_bytes()[128:]):
        _, (_, sizes), (_, name), (kind, values), *_ = elements(matrix)
        shape = struct.unpack(f"<{len(sizes) // 4}i", sizes)
        arrays[name.decode()] = np.frombuffer(values, dtype="<" + TYPES[kind]).reshape(shape, order="F")
    return arrays
'''


def words_of(dataset: Dataset) -> str:
    """Return where the images come from."""
    info = BUILT_IN_DATASETS[dataset.name]
    changed = resizing.words_of(dataset)
    title = f"{info.title}, {changed}" if changed else info.title
    return (
        f"{title}. They are read from torchvision's copy in `DATA_DIR`, or downloaded to it. Validated on is what "
        "torchvision calls the test split."
    )


def code_of(dataset: Dataset, *, keyed: bool) -> str:
    """Return the definition of `load(split)`: images and labels and, where they are wanted, the images' numbers."""
    resize = resizing.code_of(dataset)
    classes = BUILT_IN_DATASETS[dataset.name].classes
    numbers = [classes.index(name) for name in dataset.classes]
    return joined(
        _READ_MATLAB if dataset.name == "svhn" else "",
        resize,
        lines(
            "def load(split):",
            f'    """The images of our classes as bytes, in the data set\'s own order, their labels{_also(keyed)}."""',
            _body(dataset.name),
            f"    label_of = torch.full(({len(classes)},), -1)",
            f"    label_of[{literal(numbers)}] = torch.arange({len(numbers)})  # our classes' numbers there",
            "    labels = label_of[targets]",
            "    chosen = (labels >= 0).nonzero()[:, 0]",
            "    keys = [str(number) for number in chosen.tolist()]" if keyed else None,
            f"    images = {'resize(images[chosen])' if resize else _IN_ORDER}",
            f"    return images, labels[chosen]{', keys' if keyed else ''}",
        ),
    )


def _body(name: str) -> str:
    kind = {"cifar10": "cifar", "cifar100": "cifar", "fashion_mnist": "mnist"}.get(name, name)
    return _BODIES[kind].strip("\n").replace("{name}", _CLASSES.get(name, ""))


def _also(keyed: bool) -> str:
    return " and their numbers there" if keyed else ""
