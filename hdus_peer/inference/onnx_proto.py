"""ONNX's generated message classes without the rest of the `onnx` package.

`import onnx` also brings its checker, helpers and reference tools: 9 MB and 40 ms more in *each* predictor process,
where an idle peer has 160 MB in all. Only the messages are needed to fill, prefix and join graphs, so the one generated
module is loaded from its file.
"""

import importlib.util
from pathlib import Path
from typing import Any

from hdus_peer.errors import WorkerError


def _generated() -> Any:
    package = importlib.util.find_spec("onnx")
    if package is None or not package.submodule_search_locations:
        raise WorkerError("the onnx package is missing; install hdus-peer again")
    path = Path(package.submodule_search_locations[0]) / "onnx_ml_pb2.py"
    spec = importlib.util.spec_from_file_location("hdus_peer.inference._onnx_ml_pb2", path)
    if spec is None or spec.loader is None:
        raise WorkerError("the onnx package has no generated messages; install onnx 1.18 or later")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_messages = _generated()
ModelProto = _messages.ModelProto
GraphProto = _messages.GraphProto
NodeProto = _messages.NodeProto
TensorProto = _messages.TensorProto
ValueInfoProto = _messages.ValueInfoProto
AttributeProto = _messages.AttributeProto
