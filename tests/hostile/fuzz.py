"""Fuzz the codec: `make fuzz`, or `python -m tests.hostile.fuzz [--minutes 10] [--corpus DIR]`.

With atheris (the extra `fuzz`) it is guided by coverage: libFuzzer mutates a corpus of valid frames, keeps what reaches
new branches, and ends at the first finding, whose bytes it writes beside the corpus. Without it, Hypothesis draws
damage to the same corpus, run after run with other seeds. `--repeat FILE` shows what becomes of a finding.
"""

import argparse
import importlib.util
import sys
import tempfile
import time
from pathlib import Path

RSS_LIMIT_MIB = 512
INPUT_BYTES_MAX = 64 * 1024
EXAMPLES_A_RUN = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzz the codec.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--corpus", type=Path, help="where it is kept and continued; by default a temporary directory")
    parser.add_argument("--repeat", type=Path, help="a finding to repeat")
    given = parser.parse_args()
    if given.repeat is not None:
        _repeat(given.repeat)
    elif importlib.util.find_spec("atheris") is None:
        print("atheris is not installed (pip install '.[fuzz]'); Hypothesis damages the corpus instead")
        _by_hypothesis(given.minutes)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            _by_coverage(given.minutes, given.corpus or Path(temporary))


def _repeat(finding: Path) -> None:
    from tests.hostile import codec_target

    print(codec_target.holds(finding.read_bytes()))


def _by_coverage(minutes: float, corpus: Path) -> None:
    import atheris  # type: ignore[import-not-found]  # an extra

    with atheris.instrument_imports(include=["hdus_peer.domain", "hdus_peer.transport", "json"]):
        from tests.hostile import codec_target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(codec_target.corpus()):
        (corpus / f"sample-{number}").write_bytes(sample)
    options = [
        f"-max_total_time={round(minutes * 60)}",
        f"-rss_limit_mb={RSS_LIMIT_MIB}",
        f"-max_len={INPUT_BYTES_MAX}",
        f"-artifact_prefix={corpus}/",
        "-print_final_stats=1",
        "-timeout=10",
    ]

    def target(data: bytes) -> None:
        codec_target.holds(data)

    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()


def _by_hypothesis(minutes: float) -> None:
    from hypothesis import HealthCheck, given, seed, settings

    from tests.hostile import codec_target
    from tests.hostile.damage import damaged

    deadline, runs = time.monotonic() + 60 * minutes, 0
    while time.monotonic() < deadline:
        runs += 1

        @seed(runs)
        @settings(max_examples=EXAMPLES_A_RUN, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(damaged(codec_target.corpus()))
        def holds(data: bytes) -> None:
            codec_target.holds(data)

        holds()
        print(f"{runs * EXAMPLES_A_RUN:,} inputs, no finding", flush=True)


if __name__ == "__main__":
    main()
