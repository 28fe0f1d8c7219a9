"""While a member floods a peer: memory, disk and waiting stay within bounds, others are served, what it held of others
is in use, and the offender has a name, under which the authority ends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.hostile import toll
from tests.hostile.attacks import ATTACKS, Attack
from tests.hostile.raw import RawMember
from tests.hostile.resident import MIB
from tests.hostile.scene import Scene
from tests.hostile.toll import Watcher

pytestmark = pytest.mark.slow

TOGETHER = ("unfinished-handshakes", "streams-that-never-end", "garbage", "announcements", "own-notices", "inventories")
THREAT_MODEL = Path(__file__).parents[2] / "docs" / "threat-model.md"


@pytest.fixture(scope="module")
def watcher(scene: Scene) -> Watcher:
    return Watcher(scene.victim)


@asynccontextmanager
async def under(scene: Scene, attack: Attack) -> AsyncIterator[RawMember]:
    async with scene.raw_member() as mallory:
        attacking = asyncio.create_task(attack(scene, mallory))
        try:
            yield mallory
            assert not attacking.done(), attacking.exception()
        finally:
            attacking.cancel()
            await asyncio.wait({attacking})


def test_the_bounds_are_those_of_the_threat_model() -> None:
    said = THREAT_MODEL.read_text()
    for bound in (
        f"{toll.RSS_GROWTH_MAX // MIB} MiB of memory",
        f"{toll.DISK_GROWTH_MAX // MIB} MiB of disk",
        f"{toll.SLOWER_MAX:.0f} times",
    ):
        assert bound in said


@pytest.mark.parametrize("what", ATTACKS)
async def test_an_attack_stays_within_bounds_and_its_author_is_named(scene: Scene, watcher: Watcher, what: str) -> None:
    attack, mark = ATTACKS[what], scene.victim.mark
    async with watcher.measuring() as paid, under(scene, attack.attack) as mallory:
        await scene.serves_others()
        if attack.words:
            await asyncio.to_thread(scene.wait_named, mallory.me.me, attack.words)
    assert paid.is_within_bounds(), scene.victim.report(f"{what}: {paid}")
    assert not scene.victim.saw("LinkClosed", mark, peer="bela"), scene.victim.report("bela's link was lost")
    scene.lost_nothing()


async def test_amid_several_attacks_a_peer_joins_exchanges_and_leaves(scene: Scene, watcher: Watcher) -> None:
    """A real one, with a certificate that says complete."""
    scene.made.trained.prepare("cleo")
    async with watcher.measuring() as paid, AsyncExitStack() as attacks:
        for what in TOGETHER:
            await attacks.enter_async_context(under(scene, ATTACKS[what].attack))
        await asyncio.to_thread(comes_and_goes, scene)
    assert paid.is_within_bounds(), scene.victim.report(f"all together: {paid}")
    scene.lost_nothing()


def comes_and_goes(scene: Scene) -> None:
    mark = scene.victim.mark
    cleo = scene.made.peer("cleo", knows=("anna",)).start()
    cleo.wait_event("SeedAdopted", peer="anna")
    scene.victim.wait_event("SeedAdopted", mark, peer="cleo")
    left = cleo.typed("leave", "--yes")
    assert left.code == 0, left
    assert cleo.end() == 0
    scene.victim.wait_event("SeedErased", mark, peer="cleo")
    assert "cleo" not in scene.victim.seeds()


async def test_an_offender_is_named_and_revoked_and_that_ends_it(scene: Scene, tmp_path: Path) -> None:
    async with under(scene, ATTACKS["heartbeats"].attack) as mallory:
        await asyncio.to_thread(scene.wait_named, mallory.me.me, frozenset({"flooding"}))
        mark = scene.victim.mark
        await asyncio.to_thread(scene.revoke, mallory.name, tmp_path)
        await asyncio.to_thread(scene.victim.wait_event, "LinkClosed", mark, peer=mallory.name)
        await asyncio.to_thread(scene.wait_named, mallory.me.me, frozenset({"revoked"}))
        closed = scene.victim.mark
        await scene.serves_others()
    assert not scene.victim.saw("LinkOpened", closed, peer=mallory.name)
    scene.lost_nothing()
