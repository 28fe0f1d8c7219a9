"""Python, and the libraries that only the children import: tried in a child, which may crash without harm."""

import json
import subprocess
import sys
from collections.abc import Iterator

from hdus_peer.doctor.findings import Finding, bad, good

LIBRARIES = ("torch", "onnx", "onnxruntime")
PYTHON_MIN = (3, 11)
PATIENCE_S = 120
_CODE = """
import importlib, json, sys
for name in sys.argv[1:]:
    try:
        found = importlib.import_module(name).__version__
        print(json.dumps([name, found, ""]), flush=True)
    except Exception as problem:
        print(json.dumps([name, "", f"{type(problem).__name__}: {problem}".splitlines()[0]]), flush=True)
"""
_MEND = "Install what constraints.txt pins: pip install -c constraints.txt hdus-peer"


def findings(libraries: tuple[str, ...] = LIBRARIES) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= PYTHON_MIN:
        yield good("python", f"Python {version}.")
    else:
        yield bad("python", f"Python {version} is too old: take 3.11 or later.")
    said, end = _imported(libraries)
    for name in libraries:
        found, problem = said.get(name, ("", end))
        if found:
            yield good(name, f"{name} {found}.")
        else:
            yield bad(name, f"{name} cannot be imported: {problem}. {_MEND}")


def _imported(libraries: tuple[str, ...]) -> tuple[dict[str, tuple[str, str]], str]:
    """Version or problem of each library that was reached, and how the child ended."""
    command = [sys.executable, "-c", _CODE, *libraries]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return {}, f"it took longer than {PATIENCE_S} s"
    except OSError as problem:
        return {}, f"{sys.executable} cannot be run: {problem.strerror}"
    lines = [json.loads(line) for line in child.stdout.splitlines() if line.startswith("[")]
    return {
        name: (found, problem) for name, found, problem in lines
    }, f"the import ended the process with exit status {child.returncode}"
