"""The demo once, end to end, as a newcomer types it (with little data)."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.peers import command, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_demo_holds_every_check(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    typed = command("demo", "--peers=3", "--samples=60", f"--json={file}")
    done = subprocess.run(typed, capture_output=True, text=True, env=environment(), timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(file.read_text())
    assert found["checks"]
    assert all(check["held"] for check in found["checks"])
