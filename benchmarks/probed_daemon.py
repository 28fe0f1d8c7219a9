"""`python -m benchmarks.probed_daemon CONFIG LAGS`: the daemon of `hdus-peer start`, and a timer on its event loop.
At its end it writes to LAGS how late each tick was: a JSON list of [unix time, seconds]."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

PERIOD_S = 0.005


async def tick(noted: list[tuple[float, float]]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + PERIOD_S
        await asyncio.sleep(PERIOD_S)
        noted.append((time.time(), max(0.0, loop.time() - due_s)))


def main(config_file: Path, lags: Path) -> None:
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    import uvloop

    from hdus_peer.config import load_config
    from hdus_peer.daemon.daemon import Daemon
    from hdus_peer.daemon.home import open_home
    from hdus_peer.daemon.journal import set_up_logging

    async def run() -> None:
        ticking = asyncio.create_task(tick(noted))
        await daemon.run(rejoin=False)
        ticking.cancel()

    config = load_config(config_file, {})
    set_up_logging(config.log.level, config.log.form)
    daemon, noted = Daemon(config, open_home(config)), list[tuple[float, float]]()
    try:
        uvloop.run(run())
    finally:
        lags.write_text(json.dumps(noted))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
