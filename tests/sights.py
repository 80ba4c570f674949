"""Clips with something on them: photographs that scikit-image ships (public domain or CC0), pasted on made yards.

What they can prove: that pictures reach the model as they are, turned, dark, grey and small; that boxes and seconds
are right; that nothing is seen where nothing is. Not how well the model does at a real camera.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

KNOWN = {  # file: label, and the part of it that is the thing, in pixels
    "astronaut.png": ("person", (20, 0, 440, 512)),
    "camera.png": ("person", (100, 40, 400, 512)),
    "chelsea.png": ("cat", (0, 0, 451, 300)),
    "coffee.png": ("cup", (80, 0, 560, 400)),
    "motorcycle_left.png": ("motorcycle", (60, 20, 690, 490)),
}


def pictures() -> Path:
    """The folder of photographs; skips where scikit-image is not installed."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("scikit-image is not installed (requirements/pictures.txt)")
    return Path(spec.submodule_search_locations[0]) / "data"


class Thing(NamedTuple):
    """A photograph on a clip: where its middle is, how high it is, from when to when."""

    file: str
    x: float = 0.5  # in shares of the picture
    y: float = 0.6
    height: float = 0.5
    begin: float = 0.0  # seconds
    end: float = 1e9
    speed: float = 0.0  # shares of the picture's width a second

    @property
    def label(self) -> str:
        return KNOWN[self.file][0]


def yard(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """Sky, a wall and a lawn, with some roughness: nothing that a model has a name for."""
    chance, (wide, high) = random.Random(seed), size
    picture = Image.new("RGB", size, (150, 165, 180))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, high * 0.25, wide, high * 0.55), fill=(140 + seed % 5 * 8, 130, 118))
    draw.rectangle((0, high * 0.55, wide, high), fill=(95, 115 + seed % 3 * 10, 80))
    for _ in range(wide * high // 60):
        x, y = chance.randrange(wide), chance.randrange(high)
        step = chance.randrange(-18, 18)
        r, g, b = picture.getpixel((x, y))  # type: ignore[misc]
        draw.point((x, y), fill=(r + step, g + step, b + step))
    return picture.filter(ImageFilter.GaussianBlur(0.8))


def frame(size: tuple[int, int], things: Sequence[Thing], at: float = 0.0, *, seed: int = 0) -> Image.Image:
    """One picture of a clip, at so many seconds."""
    picture = yard(size, seed)
    for thing in things:
        if not thing.begin <= at < thing.end:
            continue
        with Image.open(pictures() / thing.file) as whole:
            cut = whole.convert("RGB").crop(KNOWN[thing.file][1])
        high = round(thing.height * size[1])
        cut = cut.resize((max(1, round(cut.width * high / cut.height)), high), Image.Resampling.LANCZOS)
        x = thing.x + thing.speed * (at - thing.begin)
        picture.paste(cut, (round(x * size[0] - cut.width / 2), round(thing.y * size[1] - high / 2)))
    return picture


def film(
    path: Path,
    things: Sequence[Thing] = (),
    *,
    seconds: float = 8.0,
    size: tuple[int, int] = (640, 360),
    fps: int = 5,
    key_every: int = 10,
    bright: float = 1.0,
    grey: bool = False,
    seed: int = 0,
) -> Path:
    """An H.264 clip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(
            "libx264", rate=fps, options={"preset": "ultrafast", "g": str(key_every), "crf": "20"}
        )
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(round(seconds * fps)):
            picture = frame(size, things, number / fps, seed=seed)
            picture = ImageEnhance.Brightness(picture).enhance(bright) if bright != 1 else picture
            picture = picture.convert("L").convert("RGB") if grey else picture
            image = av.VideoFrame.from_image(picture)
            image.pts, image.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(image))
        out.mux(stream.encode(None))
    return path


# — small models that find red: each in another way in which detectors answer —

BOX = (0.25, 0.25, 0.5, 0.5)
SIDE = 64


def red_model(path: Path, kind: str = "detr", *, side: int = SIDE, names: str = '["", "red"]') -> Path:
    """Sees a "red" thing in the middle half of any picture, as surely as the picture is red.

    "detr" is what Hugging Face exports of RT-DETR and D-FINE, "deployed" RT-DETR's own export, "d-fine" D-FINE's: of
    as many pictures as one likes, and with more boxes than there are things.
    """
    np = pytest.importorskip("numpy", reason="numpy is not installed (requirements/labels.txt)")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (requirements/labels.txt)")
    from watcher.labels import onnx_file as onnx

    def constant(name: str, values: object, kind: type = np.float32) -> bytes:
        return onnx.tensor(name, np.array(values, kind))

    first, axis, which = ("picture", 3, 0) if kind == "ssd" else ("images", 1, 2 if kind == "yolox" else 0)
    tensors = [constant("from", [which], np.int64), constant("to", [which + 1], np.int64)]
    tensors += [constant("axis", [axis], np.int64), constant("one", [1, 1], np.int64)]
    tensors += [constant("most", 1 if kind in {"detr", "deployed", "d-fine"} else 255)]
    steps = [
        onnx.node("Cast", [first], "numbers", to=onnx.FLOAT),
        onnx.node("Slice", ["numbers", "from", "to", "axis"], "plane"),
        onnx.node("ReduceMean", ["plane"], "mean", axes=[1, 2, 3], keepdims=0),
        onnx.node("Div", ["mean", "most"], "share"),
    ]
    shape = [1, side, side, 3] if kind == "ssd" else ["N" if kind == "d-fine" else 1, 3, side, side]
    inputs = [onnx.value(first, onnx.UINT8 if kind == "ssd" else onnx.FLOAT, shape)]
    number = onnx.FLOAT
    match kind:
        case "ssd":
            tensors += [constant("none", [[[0]]]), constant("shape", [1, 1, 1], np.int64)]
            tensors += [constant("e", [[[0, 0, 0, 0]]]), constant("a", [[0.25, 0.25, 0.75, 0.75]])]
            steps += [onnx.node("Reshape", ["share", "shape"], "red"), onnx.node("Identity", ["e"], "encodings")]
            steps += [
                onnx.node("Concat", ["none", "red"], "scores", axis=2),
                onnx.node("Identity", ["a"], "anchors"),
            ]
            outputs = [onnx.value("encodings", number, [1, 1, 4]), onnx.value("scores", number, [1, 1, 2])]
            outputs += [onnx.value("anchors", number, [1, 4])]
        case "detr":
            tensors += [constant("less", 0.5), constant("times", 20), constant("none", [[[-50]]])]
            tensors += [constant("shape", [1, 1, 1], np.int64), constant("b", [[[0.5, 0.5, 0.5, 0.5]]])]
            steps += [onnx.node("Sub", ["share", "less"], "more"), onnx.node("Mul", ["more", "times"], "far")]
            steps += [onnx.node("Reshape", ["far", "shape"], "red"), onnx.node("Identity", ["b"], "pred_boxes")]
            steps += [onnx.node("Concat", ["none", "red"], "logits", axis=2)]
            outputs = [onnx.value("logits", number, [1, 1, 2]), onnx.value("pred_boxes", number, [1, 1, 4])]
        case "deployed":
            inputs += [onnx.value("orig_target_sizes", onnx.INT64, [1, 2])]
            tensors += [
                constant("l", [[1]], np.int64),
                constant("b", [[[side / 4, side / 4, side * 0.75, side * 0.75]]]),
            ]
            steps += [onnx.node("Identity", ["l"], "labels"), onnx.node("Identity", ["b"], "boxes")]
            steps += [onnx.node("Reshape", ["share", "one"], "scores")]
            outputs = [onnx.value("labels", onnx.INT64, [1, 1]), onnx.value("boxes", number, [1, 1, 4])]
            outputs += [onnx.value("scores", number, [1, 1])]
        case "d-fine":
            middle, edge = [side / 4, side / 4, side * 0.75, side * 0.75], [0, 0, side / 8, side / 8]
            inputs += [onnx.value("orig_target_sizes", onnx.INT64, ["N", 2])]
            tensors += [constant("l", [[0, 1, 0]], np.int64), constant("b", [[edge, middle, edge]])]
            tensors += [constant("little", [[0.05]])]
            steps += [onnx.node("Identity", ["l"], "labels"), onnx.node("Identity", ["b"], "boxes")]
            steps += [onnx.node("Reshape", ["share", "one"], "red")]
            steps += [onnx.node("Concat", ["little", "red", "little"], "scores", axis=1)]
            outputs = [onnx.value("labels", onnx.INT64, ["N", 3]), onnx.value("boxes", number, ["N", 3, 4])]
            outputs += [onnx.value("scores", number, ["N", 3])]
        case _:  # yolox: one cell of 32 pixels has it
            count = (side // 8) ** 2 + (side // 16) ** 2 + (side // 32) ** 2
            rows = np.zeros((1, count, 7), np.float32)
            middle, size = side / 2 / 32, np.log(side / 2 / 32)
            rows[0, count - (side // 32) ** 2] = [middle, middle, size, size, 1, 0, 1]
            mask = np.zeros((1, 1, 7), np.float32)
            mask[..., 4] = 1
            tensors += [onnx.tensor("rows", rows), onnx.tensor("mask", mask), onnx.tensor("rest", 1 - mask)]
            steps += [onnx.node("Mul", ["mask", "share"], "sure"), onnx.node("Add", ["sure", "rest"], "factor")]
            steps += [onnx.node("Mul", ["rows", "factor"], "output")]
            outputs = [onnx.value("output", number, [1, count, 7])]
    path.write_bytes(onnx.model(steps, tensors, inputs, outputs, {"names": names}))
    return path


def colours(
    path: Path, *, red: tuple[float, float] = (2.0, 1e9), seconds: float = 6.0, key_every: int = 250
) -> Path:
    """A grey clip that is red from one second until another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        options = {"preset": "ultrafast", "g": str(key_every), "sc_threshold": "0"}
        stream = out.add_stream("libx264", rate=5, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(round(seconds * 5)):
            there = red[0] <= number / 5 < red[1]
            image = av.VideoFrame.from_image(Image.new("RGB", (160, 96), (250, 5, 5) if there else (8, 8, 8)))
            image.pts, image.time_base = number, Fraction(1, 5)
            out.mux(stream.encode(image))
        out.mux(stream.encode(None))
    return path
