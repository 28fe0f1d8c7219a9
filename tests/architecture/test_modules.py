"""What every module of the product has: a header that says what it is, and a size that can be read at one sitting."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "hdus_peer"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "v1" not in path.parts)
LINES_MAX = 400
FUNCTION_LINES_MAX = 70


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_header_and_size(path: Path):
    text = path.read_text()
    tree = ast.parse(text)
    assert not text.strip() or ast.get_docstring(tree), "a module begins with what it is and the rule that it upholds"
    assert text.count("\n") <= LINES_MAX
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        assert function.end_lineno - function.lineno < FUNCTION_LINES_MAX, function.name


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_public_class_and_port_says_what_it_is(path: Path):
    """Ports are read by whoever writes an implementation: each method with more than a name has a docstring."""
    tree = ast.parse(path.read_text())
    if path.name == "port.py":
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                assert ast.get_docstring(node) or any(ast.get_docstring(item) for item in node.body if _is_def(item))


def _is_def(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
