"""Generates the Python code of every .proto under proto/ (`make proto`).

Rule: the path of a .proto mirrors the package that its code lies in, so that the imports of generated code are right
as they are generated. The output is committed; `tests/architecture/test_generated_code.py` generates again and
compares. Never edited by hand.
"""

import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto"
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")


def protos() -> list[Path]:
    """Every .proto of the product, relative to proto/."""
    return sorted(path.relative_to(PROTO) for path in PROTO.rglob("*.proto"))


def outputs(proto: Path) -> list[Path]:
    """What is generated from `proto`, relative to the root of the output."""
    return [proto.with_name(proto.stem + suffix) for suffix in SUFFIXES]


def generate(target: Path) -> list[Path]:
    """Generate everything below `target`; the files written, relative to it. Raises RuntimeError with protoc's code."""
    names = [proto.as_posix() for proto in protos()]
    includes = [f"-I{PROTO}", f"-I{WELL_KNOWN}"]
    arguments = [f"--{kind}={target}" for kind in ("python_out", "pyi_out", "grpc_python_out")]
    code = protoc.main(["protoc", *includes, *arguments, *names])
    if code:
        raise RuntimeError(f"protoc ended with {code}; its message is above")
    return [output for proto in protos() for output in outputs(proto)]


if __name__ == "__main__":
    for written in generate(ROOT):
        (ROOT / written.parent / "__init__.py").touch()
        sys.stdout.write(f"{written}\n")
