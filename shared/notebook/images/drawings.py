"""The drawn data set, written out: its pictures are arithmetic, and there are no files to read."""

from __future__ import annotations

from shared.jobspec.fields.job import Dataset
from shared.notebook.images import resizing
from shared.notebook.python_text import joined, lines

_TRAIN_PER_CLASS, _VAL_PER_CLASS = 5000, 1000

_CODE = '''
SIZE = 32
COSINES = np.array([round(1024 * math.cos(2 * math.pi * turn / 64)) for turn in range(64)], dtype=np.int32)


class Dice:
    """Random whole numbers for some pictures of a class: a hash (splitmix64) of picture, throw and pixel."""

    def __init__(self, kind, split, pictures):
        stream = ["airplane", "bird"].index(kind) * 2 + ["train", "val"].index(split)
        self.pictures = (np.arange(pictures.start, pictures.stop, dtype=np.uint64) << np.uint64(16))[:, None]
        self.pictures += np.uint64(stream << 56)
        self.throws = itertools.count()

    def between(self, low, high, *extent):
        """Whole numbers from low to high, both included: (pictures, *extent), at least three axes."""
        throw = np.uint64(next(self.throws) << 48)
        bits = np.arange(math.prod(extent), dtype=np.uint64) + self.pictures + throw + np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits = bits ^ (bits >> np.uint64(31))
        values = low + ((bits >> np.uint64(32)) % np.uint64(high - low + 1)).astype(np.int32)
        return values.reshape(-1, *(extent or (1, 1)))

    def chance(self, percent):
        """True in so many pictures of a hundred."""
        return self.between(0, 99) < percent


def draw_airplanes(dice):
    canvas = background(dice, leaves=10)
    along, across = pose(dice, tilt=4)
    length, span = dice.between(110, 220), dice.between(80, 210)
    body = ellipse(along, across, length, dice.between(16, 38))
    wings = wing(along, across, dice.between(-20, 40), span, dice.between(28, 60), dice.between(4, 14))
    tail = wing(along, across, -length * 4 // 5, span * 2 // 5, dice.between(18, 36), dice.between(4, 12))
    return paint(dice, canvas, body, wings | tail, colour(dice, metal=80))


def draw_birds(dice):
    canvas = background(dice, leaves=76)
    along, across = pose(dice, tilt=10)
    length, girth = dice.between(70, 150), dice.between(30, 62)
    body = ellipse(along, across, length, girth)
    head = ellipse(along - length * 9 // 10, across, girth * 2 // 3, girth * 2 // 3)
    beak = wing(along, across, length + girth // 2, dice.between(8, 14), dice.between(24, 40), dice.between(0, 4))
    tail = wing(along, across, -length, girth, dice.between(30, 60), dice.between(-16, -4))
    flying = dice.chance(55)
    span, chord = (90, 200), (50, 100)
    wings = wing(along, across, dice.between(-10, 30), dice.between(*span), dice.between(*chord), dice.between(-8, 12))
    return paint(dice, canvas, body | head, beak | tail | (wings & flying), colour(dice, metal=24))


def pose(dice, tilt):
    """The coordinates of each pixel along and across the drawn thing, in sixteenths of a pixel."""
    turn = dice.between(-tilt, tilt) + 32 * dice.between(0, 1)
    pixels = np.arange(SIZE, dtype=np.int32) * 16 + 8 - SIZE * 8
    x, y = pixels[None, None, :] - dice.between(-36, 36), pixels[None, :, None] - dice.between(-36, 36)
    cosine, sine = COSINES[turn % 64], COSINES[(turn - 16) % 64]
    return (x * cosine + y * sine) // 1024, (y * cosine - x * sine) // 1024


def ellipse(along, across, length, width):
    along, across = (along * width).astype(np.int64), (across * length).astype(np.int64)
    return along**2 + across**2 <= (length * width) ** 2


def wing(along, across, root, span, chord, sweep):
    """Both wings: `span` each, `chord` deep at the root and a third of it at the tip, swept back."""
    off = np.abs(across)
    behind = np.abs(along - root + off * sweep // 16)
    return (off <= span) & (behind * span * 3 <= chord * (span * 3 - off * 2) // 2)


def colour(dice, metal):
    """A colour for each picture, grey in so many of a hundred."""
    grey = dice.between(60, 250)
    tints = dice.between(-14, 14, 3, 1)
    plumage = dice.between(10, 235, 3, 1)
    return np.where(dice.chance(metal), grey + tints, (plumage + grey) // 2)[..., None]


def background(dice, leaves):
    """Sky, or foliage in so many pictures of a hundred, with a gradient and light and dark patches."""
    sky = np.stack([dice.between(70, 190), dice.between(120, 215), dice.between(150, 250)], axis=1)
    ground = np.stack([dice.between(50, 150), dice.between(70, 160), dice.between(30, 130)], axis=1)
    foliage = dice.chance(leaves)
    shade = np.arange(SIZE, dtype=np.int32)[None, None, :, None] * dice.between(-3, 3)[:, None]
    grid = dice.between(-40, 40, 6, 6)
    cell, part = np.arange(SIZE) * 5 // SIZE, (np.arange(SIZE) * 5 % SIZE).astype(np.int32)
    patches = grid[:, :, cell] * (SIZE - part) + grid[:, :, cell + 1] * part
    part = part[:, None]
    patches = (patches[:, cell] * (SIZE - part) + patches[:, cell + 1] * part) // SIZE**2
    patches = patches.astype(np.int32) * np.where(foliage, 3, 2) // 2
    return np.where(foliage[:, None], ground, sky) + shade + patches[:, None]


def paint(dice, canvas, body, limbs, colour):
    """Paint limbs, then the body a little brighter, then noise over everything."""
    lift = dice.between(-40, 40)[..., None]
    canvas = np.where(limbs[:, None], colour, canvas)
    canvas = np.where(body[:, None], colour + lift, canvas)
    return np.clip(canvas + dice.between(-22, 22, 3, SIZE, SIZE), 0, 255).astype(np.uint8)
'''


def words_of(dataset: Dataset) -> str:
    """Return what the pictures are."""
    changed = resizing.words_of(dataset)
    title = f"Pictures of airplanes and birds, {changed}," if changed else "Pictures of airplanes and birds,"
    return f"{title} drawn by a few hash functions: the same on every machine."


def code_of(dataset: Dataset, *, keyed: bool) -> str:
    """Return the definition of `load(split)`: images and labels and, where they are wanted, the pictures' numbers.

    Draws no more pictures than the job's limits let count, unless all of them are wanted with their numbers.
    """
    train = _TRAIN_PER_CLASS if keyed else min(dataset.train_per_class or _TRAIN_PER_CLASS, _TRAIN_PER_CLASS)
    val = _VAL_PER_CLASS if keyed else min(dataset.val_per_class or _VAL_PER_CLASS, _VAL_PER_CLASS)
    resize = resizing.code_of(dataset)
    images = "torch.from_numpy(np.concatenate(pictures))"
    return joined(
        _CODE,
        resize,
        lines(
            "def load(split):",
            f'    """Pictures of each of our classes as bytes, class by class, their labels{_also(keyed)}."""',
            f'    per_class = {{"train": {train}, "val": {val}}}[split]',
            f"    pictures{', keys' if keyed else ''} = []{', []' if keyed else ''}",
            "    for name in CLASSES:",
            '        draw = draw_airplanes if name == "airplane" else draw_birds',
            "        for first in range(0, per_class, 250):",
            "            pictures.append(draw(Dice(name, split, range(first, min(first + 250, per_class)))))",
            '        first = ["airplane", "bird"].index(name) * per_class' if keyed else None,
            "        keys += [str(number) for number in range(first, first + per_class)]" if keyed else None,
            "    labels = torch.arange(len(CLASSES)).repeat_interleave(per_class)",
            f"    return {f'resize({images})' if resize else images}, labels{', keys' if keyed else ''}",
        ),
    )


def _also(keyed: bool) -> str:
    return " and their numbers" if keyed else ""
