"""A loader of the operator's own: what it may return, and how its mistakes are told."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hdus_peer.errors import ConfigurationError, DataError
from hdus_peer.learning.operators_code import source_sha256
from hdus_peer.learning.sources import load, load_test, load_unlabelled
from tests.learning.conftest import DIGITS

Write = Callable[[str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write the module `mine` of a package `theirs`, importable for the test."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "__init__.py").touch()

    def forget() -> None:
        for name in [name for name in sys.modules if name.startswith("theirs")]:
            del sys.modules[name]

    def write(text: str) -> None:
        forget()
        (tmp_path / "theirs" / "mine.py").write_text("import numpy as np\n" + textwrap.dedent(text))

    yield write
    forget()


def test_a_loader_gets_the_task_and_returns_arrays(write: Write) -> None:
    write("""
        def load(task):
            n = len(task.classes)
            return np.zeros((n, *task.shape), np.uint8), list(task.classes), np.ones((2, 64)), ["3", "4"]
    """)
    source = load("module:theirs.mine:load", DIGITS)
    assert (len(source.samples), list(source.samples.y)) == (10, list(range(10)))
    assert list(load_test("module:theirs.mine:load", DIGITS).y) == [3, 4]
    assert len(load_unlabelled("module:theirs.mine:load", DIGITS)) == 10
    write("def load(task): return np.zeros((3, *task.shape))")
    assert len(load_unlabelled("module:theirs.mine:load", DIGITS)) == 3


BAD = [
    ("", ConfigurationError, "has no 'load'"),
    ("load = 3", ConfigurationError, "is a int; name a function"),
    ("import nothing_like_it", ConfigurationError, "cannot be imported.*No module named 'nothing_like_it'.*line 2"),
    ("def load(:", ConfigurationError, "cannot be imported.*SyntaxError"),
    ("1/0", ConfigurationError, "cannot be imported.*ZeroDivisionError.*mine.py line 2"),
    ("raise SystemExit(3)", ConfigurationError, "cannot be imported.*SystemExit"),
    ("def load(): pass", ConfigurationError, "failed.*takes 0 positional arguments"),
    ("def load(task):\n    return task.sahpe", ConfigurationError, "failed.*sahpe.*mine.py line 3"),
    ("def load(task): return None", DataError, "returned a NoneType; return x, y"),
    ("def load(task): return np.zeros((3, 1, 8, 8))", DataError, "returned a ndarray; return x, y"),
    ("def load(task): return 1, 2, 3", DataError, "returned 3 values; return x, y"),
    ("def load(task): return object(), [1]", DataError, "returned x as object of object"),
    ("def load(task): return [[1], [1, 2]], [1, 2]", DataError, "returned x that is no array"),
    ("def load(task): return 'ab', [1]", DataError, "returned x as str"),
    ("def load(task): return np.zeros((2, 1, 8, 9)), [1, 2]", DataError, r"shape \(1, 8, 9\), the task's have"),
    ("def load(task): return np.full((2, 64), np.nan), [1, 2]", DataError, "sample 0 holds a NaN"),
    ("def load(task): return np.zeros((2, 64)), [1, 10]", DataError, "sample 1 has the label '10'"),
    ("def load(task): return np.zeros((2, 64)), [1]", DataError, "2 samples, but labels of the shape"),
]


@pytest.mark.parametrize(("text", "kind", "said"), BAD, ids=[said for *_, said in BAD])
def test_a_wrong_loader_is_told_so(write: Write, text: str, kind: type[Exception], said: str) -> None:
    write(text)
    with pytest.raises(kind, match=said) as problem:
        load("module:theirs.mine:load", DIGITS)
    assert "theirs.mine" in str(problem.value)


@pytest.mark.parametrize("name", ["nowhere:load", "theirs.nowhere:load"])
def test_a_module_that_is_not_there_says_where_was_looked(write: Write, name: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"there is no module '(theirs\.)?nowhere'.*where the peer was started"
    ):
        load(f"module:{name}", DIGITS)


@pytest.mark.parametrize("name", ["", "theirs", "theirs:", ":load", "theirs.:load", "theirs:lo ad", "theirs:a:b"])
def test_a_wrong_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"PACKAGE\.MODULE:FUNCTION"):
        load(f"module:{name}", DIGITS)


def test_what_a_function_returns_has_no_columns(write: Write) -> None:
    with pytest.raises(ConfigurationError, match="no 'writer' to make shards by"):
        load("module:theirs.mine:load", DIGITS, "writer")


def test_the_source_has_a_fingerprint(write: Write) -> None:
    prints = set()
    for text in ("def load(task): return 1", "def load(task): return 2"):
        write(text)
        prints.add(source_sha256("theirs.mine:load"))
    assert len(prints) == 2
    assert np.all([len(found) == 64 for found in prints])
