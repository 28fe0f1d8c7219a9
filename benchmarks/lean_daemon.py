"""`python -m benchmarks.lean_daemon CONFIG MODELS`: the daemon of `hdus-peer start` as a holder alone. It trains
nothing and publishes nothing: its main model is the finished one in MODELS, and its predictor begins with that. All
else is as ever, so that many of them fit on one machine."""

import asyncio
import json
import os
import sys
from pathlib import Path

from hdus_peer.config import Config
from hdus_peer.daemon.daemon import Daemon
from hdus_peer.daemon.home import Home, open_home
from hdus_peer.daemon.journal import set_up_logging
from hdus_peer.learning.places import Finished, Places
from hdus_peer.workers.port import TrainingResult
from hdus_peer.workers.trainer import result_of


class LeanDaemon(Daemon):
    def __init__(self, config: Config, home: Home, models: TrainingResult) -> None:
        super().__init__(config, home)
        self._models = models
        self._training.begin = self._answer_soon  # type: ignore[method-assign]  # instead of a training

    def _answer_soon(self) -> None:
        self._answering = asyncio.get_running_loop().create_task(self._answer())

    async def _answer(self) -> None:
        await self._predictor.start(self._models.main, self._models.templates, self._models.evaluation)
        self._effects.ensemble.serve_main()


def finished(models: Path) -> TrainingResult:
    """What the trainer left in this directory."""
    places = Places(models)
    return result_of(Finished(**json.loads(places.note.read_text())).result(places))


def main(config_file: Path, models: Path) -> None:
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    import uvloop

    from hdus_peer.config import load_config

    config = load_config(config_file, {})
    set_up_logging(config.log.level, config.log.form)
    uvloop.run(LeanDaemon(config, open_home(config), finished(models)).run(rejoin=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
