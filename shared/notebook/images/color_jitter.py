"""Random changes of colour, written out: only those changes that a job asks for."""

from __future__ import annotations

from shared.jobspec.fields.training import ColorJitter
from shared.notebook.python_text import joined, literal

_GREY = '''
def grey(images):
    """Grey values (N, 1, H, W), whole numbers."""
    red, green, blue = images.float().split(1, dim=1)
    return (red * 0.2989 + green * 0.587 + blue * 0.114).floor()
'''
_GREY_OF_GREY = '''
def grey(images):
    """Grey values (N, 1, H, W): the images themselves."""
    return images.float()
'''
_BLEND = '''
def blend(images, others, factors):
    """The images times their factor, and the others times the rest, as bytes."""
    return (images * factors + others * (1 - factors)).clamp(0, 255).to(torch.uint8)
'''
_BRIGHTEN = '''
def brighten(images, factors):
    """All values of each image times its factor."""
    return (images * factors).clamp(0, 255).to(torch.uint8)
'''
_CONTRAST = '''
def contrast(images, factors):
    """The distance of each image's values from its mean grey, times its factor."""
    greys = grey(images)
    return blend(images, greys.sum((1, 2, 3), keepdim=True) / greys[0].numel(), factors)
'''
_SATURATE = '''
def saturate(images, factors):
    """Each pixel's distance from its own grey, times the image's factor."""
    return blend(images, grey(images), factors)
'''
_TURN_HUE = '''
def turn_hue(images, factors):
    """The hue turned by the image's factor, a part of the circle of colours."""
    scaled = images.float() * (1 / 255)
    low, high = scaled.aminmax(dim=1, keepdim=True)
    spread = high - low
    red, green, blue = (scaled / torch.where(spread > 0, spread, 1.0)).split(1, dim=1)
    of_green = torch.where(scaled[:, 1:2] == high, blue - red + 2, red - green + 4)
    sixths = torch.where(scaled[:, :1] == high, green - blue, of_green)  # of the circle
    offsets = torch.tensor([5.0, 3.0, 1.0]).view(1, 3, 1, 1)
    distance = (sixths + factors * 6 + offsets).remainder(6)
    turned = high - spread * torch.minimum(distance, 4 - distance).clamp(0, 1)
    return (turned * (256 - 1e-3)).to(torch.uint8)
'''
_JITTER = '''
def jitter(images):
    """Change the colours of each image by amounts of its own, in an order of its own, as torchvision's ColorJitter."""
    drawn = torch.rand(len(images), 8, generator=chance, dtype=torch.float64)  # four amounts, and an order of four
    order = drawn[:, 4:].argsort(dim=1, stable=True)
    images = images.clone()
    for place in range(4):
        for change, number, low, high in CHANGES:
            rows = (order[:, place] == number).nonzero()[:, 0]
            if len(rows):
                factors = (low + (high - low) * drawn[rows, number]).float()
                images[rows] = change(images[rows], factors[:, None, None, None])
    return images
'''


def code_of_jitter(step: ColorJitter, channels: int) -> str:
    """Return the definition of `jitter(images)` and of the changes that it makes."""
    in_colour = channels > 1
    ranges = (
        ("brighten", _BRIGHTEN, max(0.0, 1 - step.brightness), 1 + step.brightness),
        ("contrast", _CONTRAST, max(0.0, 1 - step.contrast), 1 + step.contrast),
        ("saturate", _SATURATE if in_colour else "", max(0.0, 1 - step.saturation), 1 + step.saturation),
        ("turn_hue", _TURN_HUE if in_colour else "", -step.hue, step.hue),
    )
    used = [(number, *change) for number, change in enumerate(ranges) if change[1] and change[2] < change[3]]
    names = {name for _, name, *_ in used}
    entries = [f"    ({name}, {number}, {literal(low)}, {literal(high)})," for number, name, _, low, high in used]
    return joined(
        (_GREY if in_colour else _GREY_OF_GREY) if names & {"contrast", "saturate"} else "",
        _BLEND if names & {"contrast", "saturate"} else "",
        *(definition for _, _, definition, _, _ in used),
        "\n".join(["CHANGES = [  # function, place among the draws, range of its factor", *entries, "]"]),
        _JITTER,
    )
