"""What the numbers of a detector mean: pictures become its input, and its outputs boxes with a class and a score.

Four kinds are known, by the shapes and names of inputs and outputs:

    SSD      picture [1,h,w,3] uint8      → encodings [1,n,4], scores [1,n,classes], anchors [n,4]; class 0 is none
    YOLOX    [1,3,h,w], blue first, 0-255 → [1,n,5+classes], n = (h·w)/64 + (h·w)/256 + (h·w)/1024
    DETR     [1,3,h,w], 0-1               → logits [1,n,classes], boxes [1,n,4] as middle and size, in shares
    deployed the same, and the size       → labels [1,n], boxes [1,n,4] as corners in pixels, scores [1,n]

RT-DETR and D-FINE are exported in both of the last two ways. Sources: the converters of Megvii's YOLOX
(tools/export_onnx.py, demo/ONNXRuntime), lyuwenyu's RT-DETR and Peterande's D-FINE
(tools/deployment/export_onnx.py), TensorFlow's box_coders/faster_rcnn_box_coder.py.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np

from watcher.model.sight import LEAST_SCORE, shared

MOST = 30  # boxes of one picture
CANDIDATES = 300  # that are compared with each other
SAME = 0.5  # of their union, that two boxes of one class share and are one
SIDE_LEAST, SIDE_MOST = 32, 1280  # pixels
STRIDES = (8, 16, 32)  # of YOLOX
DEFAULT_SIDE = 640  # where a file leaves it open


class Refused(Exception):  # noqa: N818 - as a sentence: the model is refused
    """A file is no detector that we know, or does not do what it says; the message is a sentence."""


class Box(NamedTuple):
    """Something that was seen; in shares of the picture."""

    kind: int  # number of its class
    score: float
    x: float
    y: float
    width: float
    height: float


class Detector:
    """A session of onnxruntime, as pictures in and boxes out."""

    def __init__(self, session: Any) -> None:
        """Raises Refused where its inputs and outputs are none that we know."""
        self._session = session
        inputs, outputs = session.get_inputs(), session.get_outputs()
        self._inputs = [tensor.name for tensor in inputs]
        self.letterbox = False  # the picture keeps its shape
        shapes = {tensor.name: list(tensor.shape) for tensor in outputs}
        first = list(inputs[0].shape)
        if {"encodings", "scores", "anchors"} <= shapes.keys():
            self._kind, sides = "ssd", first[1:3]
        elif len(outputs) == 1 and len(shapes[outputs[0].name]) == 3:
            self._kind, sides, self.letterbox = "yolox", first[2:4], True
        elif len(outputs) == 2 and len(inputs) == 1:
            self._kind, sides = "detr", first[2:4]
        elif {"labels", "boxes", "scores"} <= shapes.keys():
            self._kind, sides = "deployed", first[2:4]
        else:
            text = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise Refused(f"its outputs ({text}) are of no detector that is known")
        if len(first) != 4:
            raise Refused(f"its input {inputs[0].name} {first} is no picture")
        high, wide = (side if isinstance(side, int) else DEFAULT_SIDE for side in sides)
        if not (SIDE_LEAST <= high <= SIDE_MOST and SIDE_LEAST <= wide <= SIDE_MOST):
            raise Refused(f"it wants pictures of {wide} × {high} pixels; {SIDE_LEAST} to {SIDE_MOST} can be had")
        self.width, self.height = wide, high

    def names(self) -> list[str]:
        """What the file itself says that its classes are called; empty where it does not."""
        try:
            names = json.loads(self._session.get_modelmeta().custom_metadata_map.get("names", "[]"))
        except ValueError:
            return []
        return [str(name) for name in names] if isinstance(names, list) else []

    def boxes(self, picture: Any) -> list[Box]:
        """What is on a picture: [height, width, 3] of uint8. Raises Refused."""
        outputs = self._session.run(None, self._input(picture))
        named = dict(zip((tensor.name for tensor in self._session.get_outputs()), outputs, strict=True))
        try:
            corners, scores = getattr(self, f"_{self._kind}")(named)
            return chosen(corners, scores)
        except (ValueError, IndexError, KeyError, TypeError) as reason:
            shapes = ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in named.items())
            raise Refused(f"what it answers ({shapes}) has no meaning: {reason}") from None

    def _input(self, picture: Any) -> dict[str, Any]:
        if self._kind == "ssd":
            return {self._inputs[0]: picture[None]}
        planes = picture.astype(np.float32).transpose(2, 0, 1)[None]
        if self._kind == "yolox":
            return {self._inputs[0]: np.ascontiguousarray(planes[:, ::-1])}
        inputs = {self._inputs[0]: planes / 255}
        if self._kind == "deployed" and len(self._inputs) > 1:
            inputs[self._inputs[1]] = np.array([[self.width, self.height]], np.int64)
        return inputs

    # — each answers corners (x, y, x, y, in shares) [n, 4] and scores [n, classes] —

    def _ssd(self, named: dict[str, Any]) -> tuple[Any, Any]:
        encodings, anchors = named["encodings"][0], named["anchors"]
        size = anchors[:, 2:] - anchors[:, :2]
        middle = encodings[:, :2] / 10 * size + anchors[:, :2] + size / 2
        half = np.exp(np.minimum(encodings[:, 2:] / 5, 10)) * size / 2
        low, high = middle - half, middle + half  # height first
        scores = named["scores"][0].copy()
        scores[:, 0] = 0
        return np.concatenate([low[:, ::-1], high[:, ::-1]], 1), scores

    def _yolox(self, named: dict[str, Any]) -> tuple[Any, Any]:
        (rows,) = named.values()
        rows = rows[0]
        grid, strides = [], []
        for stride in STRIDES:
            ys, xs = np.mgrid[: self.height // stride, : self.width // stride]
            grid.append(np.stack([xs, ys], 2).reshape(-1, 2))
            strides.append(np.full((grid[-1].shape[0], 1), stride))
        cells, steps = np.concatenate(grid), np.concatenate(strides)
        middle = (rows[:, :2] + cells) * steps
        half = np.exp(np.minimum(rows[:, 2:4], 10)) * steps / 2
        corners = np.concatenate([middle - half, middle + half], 1)
        return corners / np.array([self.width, self.height] * 2), rows[:, 4:5] * rows[:, 5:]

    def _detr(self, named: dict[str, Any]) -> tuple[Any, Any]:
        boxes = next(tensor for name, tensor in named.items() if "box" in name.lower() and tensor.shape[-1] == 4)[0]
        logits = next(tensor for name, tensor in named.items() if "box" not in name.lower())[0]
        half = boxes[:, 2:] / 2
        corners = np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], 1)
        return corners, 1 / (1 + np.exp(-np.clip(logits, -50, 50)))

    def _deployed(self, named: dict[str, Any]) -> tuple[Any, Any]:
        kinds, confidences = named["labels"][0].astype(np.int64), named["scores"][0]
        if kinds.size and not 0 <= kinds.min() <= kinds.max() < 10_000:
            raise ValueError("it has impossible classes")
        scores = np.zeros((len(kinds), int(kinds.max(initial=0)) + 1), np.float32)
        scores[np.arange(len(kinds)), kinds] = confidences
        size = np.array([self.width, self.height] * 2) if len(self._inputs) > 1 else 1
        return named["boxes"][0] / size, scores


def chosen(corners: Any, scores: Any) -> list[Box]:
    """The best boxes, of each class those that do not lie on a better one (non-maximum suppression)."""
    if corners.ndim != 2 or corners.shape[1] != 4 or scores.ndim != 2 or len(scores) != len(corners):
        raise ValueError(f"boxes {list(corners.shape)} and scores {list(scores.shape)} do not belong together")
    scores = np.nan_to_num(scores, nan=0.0)
    corners = np.clip(np.nan_to_num(corners, nan=0.0), 0, 1)
    rows, kinds = np.nonzero(scores >= LEAST_SCORE)
    best = np.argsort(-scores[rows, kinds], kind="stable")[:CANDIDATES]
    boxes: list[Box] = []
    for row, kind in zip(rows[best], kinds[best], strict=True):
        left, top, right, bottom = (float(side) for side in corners[row])
        box = Box(int(kind), min(1.0, float(scores[row, kind])), left, top, right - left, bottom - top)
        if box.width > 0 and box.height > 0 and not any(_same(box, other) for other in boxes):
            boxes.append(box)
            if len(boxes) == MOST:
                break
    return boxes


def _same(box: Box, other: Box) -> bool:
    return box.kind == other.kind and shared(box[2:], other[2:]) > SAME
