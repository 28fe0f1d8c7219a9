"""The composition of docker-compose.yml as a project of its own, spoken to as its operator would.

Rules
1. What is waited for is asked again and again, with a deadline; each question costs a process, so nothing sleeps.
2. A failure shows the end of the log of the container that it is about.
3. Image, containers, networks and volumes have names of their own: a stack that runs already is not touched.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMPOSITION, QUICK = "docker-compose.yml", "tests/compose/quick.yml"
PEERS = ("anna", "bela", "cleo", "dina", "emil", "finn")
PATIENCE_S = 240.0
CALL_S = 120.0
BUILD_S = 1800.0
LOG_LINES_SHOWN = 40


def run(*command: str, within_s: float = CALL_S, check: bool = True) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "IMAGE": "hdus-peer-test"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=within_s, cwd=ROOT, env=environment, check=False
    )
    assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def missing() -> str:
    """Why containers cannot be run here, or nothing."""
    for command in (("docker", "info", "--format", "{{.ServerVersion}}"), ("docker", "compose", "version")):
        try:
            done = run(*command, within_s=20, check=False)
        except (OSError, subprocess.TimeoutExpired) as problem:
            return f"{' '.join(command[:2])} cannot be run: {problem}"
        if done.returncode:
            return f"{' '.join(command[:2])}: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1]}"
    return ""


class Stack:
    def __init__(self, *files: str) -> None:
        self.project = f"hdus-test-{os.getpid()}"
        self._files = [f"--file={file}" for file in files]

    # --- the operator's commands ------------------------------------------------------------------------------------
    def compose(self, *arguments: str, within_s: float = CALL_S) -> str:
        command = ("docker", "compose", *self._files, "--project-name", self.project, *arguments)
        return run(*command, within_s=within_s).stdout

    def build(self) -> None:
        self.compose("build", "--quiet", within_s=BUILD_S)

    def up(self, *arguments: str) -> None:
        self.compose("up", "--detach", "--no-build", *arguments, within_s=PATIENCE_S)

    def down(self) -> float:
        """Stop and remove everything; how many seconds it took."""
        began_s = time.monotonic()
        self.compose("down", "--volumes", "--remove-orphans")
        return time.monotonic() - began_s

    def typed(self, container: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`hdus-peer ARGUMENTS` inside; whatever it ends with."""
        return run("docker", "exec", container, "hdus-peer", *arguments, check=False)

    def asked(self, container: str, *arguments: str) -> Any:
        """The answer of a command with --json, or None where it failed."""
        done = self.typed(container, *arguments, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def checked(self, service: str) -> Any:
        """What `hdus-peer check` finds in the state of a peer whose container does not run."""
        words = ("run", "--rm", "--no-deps", "--no-TTY", service, "hdus-peer", "check", "--json")
        return json.loads(self.compose(*words))["findings"]

    def copied(self, container: str, path: str, to: Path) -> Path:
        """A file or folder out of a container, whether it runs or not."""
        run("docker", "cp", f"{container}:{path}", str(to))
        return to

    # --- what there is ----------------------------------------------------------------------------------------------
    def container(self, service: str, number: int = 1) -> str:
        return f"{self.project}-{service}-{number}"

    def containers(self, service: str) -> list[str]:
        """All of a service, also those that ended."""
        shown = self.compose("ps", "--all", "--format", "{{.Name}}", service)
        return sorted(shown.split())

    def inspect(self, container: str) -> Any:
        return json.loads(run("docker", "inspect", container).stdout)[0]

    def is_running(self, container: str) -> bool:
        return bool(self.inspect(container)["State"]["Running"])

    def running(self) -> dict[str, str]:
        """Containers of the six peers that run, by name of the peer."""
        found = {name: self.container(name) for name in PEERS}
        return {name: container for name, container in found.items() if self.is_running(container)}

    def seeds(self, container: str) -> dict[str, int]:
        """The generations held, by owner."""
        answer = self.asked(container, "seeds")
        return {seed["name"]: seed["generation"] for seed in answer["seeds"] if seed["confirmed"]} if answer else {}

    def log(self, container: str) -> list[str]:
        done = run("docker", "logs", container)
        return (done.stdout + done.stderr).splitlines()

    # --- waiting ----------------------------------------------------------------------------------------------------
    def until(self, holds: Callable[[], object], goal: str, about: str, within_s: float = PATIENCE_S) -> None:
        """`about`: the container whose log a failure shows."""
        deadline_s = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > deadline_s:
                shown = "\n".join(self.log(about)[-LOG_LINES_SHOWN:])
                raise AssertionError(f"not within {within_s:g} s: {goal}\nThe end of the log of {about}:\n{shown}")

    def until_complete(self) -> dict[str, str]:
        """Until each of the six that runs holds the seeds of all others that run, in use; those containers."""
        running = self.running()
        for name, container in running.items():
            wanted = running.keys() - {name}
            self.until(
                lambda wanted=wanted, container=container: wanted <= self.seeds(container).keys(),
                f"{name} holds the seeds of {sorted(wanted)}",
                container,
            )
        return running
