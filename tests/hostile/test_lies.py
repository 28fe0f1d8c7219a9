"""A member gone bad, over the real transport with valid credentials: what it sends is refused in a word and counted,
nobody else's seed is lost, and the daemon goes on.

One victim and one honest neighbour serve all tests of this module; every test plays a member of its own.
"""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import safetensors.numpy

from hdus_peer.domain.envelope import sign
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.seed import GENERATION_MAX
from hdus_peer.domain.unlearning import ErasureReceipt
from hdus_peer.protocol.messages import Announce, KeyRequest, Notices, Receipt
from tests.hostile.member import Member, OwnSeed, claiming, serving
from tests.hostile.scene import Scene, refused

pytestmark = pytest.mark.slow


@pytest.fixture
async def mallory(scene: Scene) -> AsyncIterator[Member]:
    """Linked with the victim. Afterwards nothing is lost, and the victim is well."""
    held = scene.victim.seeds()["bela"]
    async with scene.member() as member:
        yield member
    await asyncio.to_thread(scene.victim.wait_event, "LinkClosed", peer=member.name)
    status = scene.victim.status()
    assert scene.victim.seeds()["bela"].payload_sha256 == held.payload_sha256, scene.victim.report("bela's was lost")
    assert status.phase == "active"
    assert held.owner in status.ensemble.owners
    assert not scene.bela.saw("TombstoneWritten", peer="bela")


def tensors(scene: Scene, change: Callable[[dict[str, object]], object]) -> bytes:
    """The honest seed's tensors, changed, as safetensors."""
    loaded = safetensors.numpy.load(scene.plaintext)
    change(loaded)  # type: ignore[arg-type]
    return safetensors.numpy.save(loaded)


def poison(value: float) -> Callable[[dict[str, object]], object]:
    def change(loaded: dict[str, object]) -> None:
        first = min(loaded)
        array = loaded[first].copy()  # type: ignore[attr-defined]
        array.flat[3] = value
        loaded[first] = array

    return change


# --- manifests ------------------------------------------------------------------------------------------------------
CLAIMS: dict[str, tuple[str, dict[str, object]]] = {
    "another task": ("other-task", {"task": "ab" * 32}),
    "other parameters": ("other-task", {"parameters": ()}),
    "an architecture that nobody knows": ("unknown-architecture", {"architecture": "os.system"}),
    "more bytes than are taken": ("too-big", {"payload_bytes": (1 << 20) + 1}),
    "an absurd size": ("too-big", {"payload_bytes": 2**52}),
    "no bytes": ("too-big", {"payload_bytes": 0}),
    "an absurd generation": ("wrong-generation", {"generation": GENERATION_MAX}),
}


@pytest.mark.parametrize("what", CLAIMS)
async def test_a_manifest_that_cannot_be_is_refused(scene: Scene, mallory: Member, what: str) -> None:
    reason, claims = CLAIMS[what]
    mallory.announce(scene.id, claiming(mallory.make_seed(scene.plaintext, scene.schema), **claims))
    await refused(scene.victim, mallory, reason)


async def test_a_payload_hash_that_is_a_path_never_becomes_a_file(scene: Scene, mallory: Member) -> None:
    honest = mallory.make_seed(scene.plaintext, scene.schema)
    mallory.announce(scene.id, claiming(honest, payload_sha256="../../" + "a" * 58))
    await refused(scene.victim, mallory, "too-big")


async def test_somebody_elses_seed_cannot_be_announced(scene: Scene, mallory: Member) -> None:
    """Not the true manifest of bela, and not one that mallory signed in bela's name."""
    honest = mallory.make_seed(scene.plaintext, scene.schema)
    of_bela = replace(honest.manifest, owner=scene.bela_credentials.peer_id)
    mallory.say(scene.id, Announce(sign(mallory.credentials.identity, of_bela)))
    await refused(scene.victim, mallory, "forged")
    mallory.say(scene.id, Announce(sign(scene.bela_credentials.identity, of_bela)))
    await refused(scene.victim, mallory, "not-owner")


async def test_bytes_under_a_signature_of_something_else_are_forged(scene: Scene, mallory: Member) -> None:
    signed = sign(mallory.credentials.identity, mallory.make_seed(scene.plaintext, scene.schema).manifest)
    flipped = replace(signed.envelope, signature=bytes(64))
    mallory.say(scene.id, Announce(replace(signed, envelope=flipped)))
    await refused(scene.victim, mallory, "forged")


async def test_an_older_generation_is_refused(scene: Scene, mallory: Member) -> None:
    newer = mallory.make_seed(scene.plaintext, scene.schema)
    mallory.announce(scene.id, newer)
    await asyncio.to_thread(scene.victim.wait_event, "SeedAdopted", peer=mallory.name)
    generation = newer.manifest.generation
    mallory.announce(scene.id, mallory.make_seed(scene.plaintext, scene.schema, generation - 1))
    await refused(scene.victim, mallory, "older-generation")
    assert scene.victim.seeds()[mallory.name].payload_sha256 == newer.manifest.payload_sha256


async def test_two_payloads_under_one_generation_are_refused_both_and_the_next_is_taken(
    scene: Scene, mallory: Member
) -> None:
    first = mallory.make_seed(scene.plaintext, scene.schema)
    generation = first.manifest.generation
    mallory.announce(scene.id, first)
    await asyncio.to_thread(scene.victim.wait_event, "SeedAdopted", peer=mallory.name)
    mallory.announce(scene.id, mallory.make_seed(scene.plaintext, scene.schema, generation))
    await refused(scene.victim, mallory, "equivocation")
    await asyncio.to_thread(scene.victim.wait_event, "EquivocationProved", peer=mallory.name)
    assert mallory.name not in scene.victim.seeds()
    assert scene.victim.peers()[mallory.name].equivocated == generation
    mallory.announce(scene.id, mallory.make_seed(scene.plaintext, scene.schema, generation + 1))
    await asyncio.to_thread(scene.victim.wait_event, "SeedAdopted", peer=mallory.name, generation=generation + 1)


# --- payloads -------------------------------------------------------------------------------------------------------
def oversized(scene: Scene, member: Member) -> OwnSeed:
    honest = member.make_seed(scene.plaintext, scene.schema)
    return serving(honest, honest.served + b"more")


def truncated(scene: Scene, member: Member) -> OwnSeed:
    honest = member.make_seed(scene.plaintext, scene.schema)
    return serving(honest, honest.served[:-1])


def other_bytes(scene: Scene, member: Member) -> OwnSeed:
    honest = member.make_seed(scene.plaintext, scene.schema)
    return serving(honest, honest.served[:-1] + b"?")


def other_key(scene: Scene, member: Member) -> OwnSeed:
    return replace(member.make_seed(scene.plaintext, scene.schema), key=bytes(31) + b"k")


def no_safetensors(scene: Scene, member: Member) -> OwnSeed:
    return member.make_seed(b"import os; os.system('true')" * 99, scene.schema)


def huge_header(scene: Scene, member: Member) -> OwnSeed:
    return member.make_seed(struct.pack("<Q", 2**60) + scene.plaintext[8:], scene.schema)


def other_tensors(scene: Scene, member: Member) -> OwnSeed:
    def rename(loaded: dict[str, object]) -> None:
        loaded["renamed"] = loaded.pop(min(loaded))

    return member.make_seed(tensors(scene, rename), scene.schema)


def other_schema(scene: Scene, member: Member) -> OwnSeed:
    return member.make_seed(scene.plaintext, "cd" * 32)


def nan(scene: Scene, member: Member) -> OwnSeed:
    return member.make_seed(tensors(scene, poison(float("nan"))), scene.schema)


def infinite(scene: Scene, member: Member) -> OwnSeed:
    return member.make_seed(tensors(scene, poison(float("inf"))), scene.schema)


PAYLOADS: list[tuple[Callable[[Scene, Member], OwnSeed], str]] = [
    (oversized, "oversized"),
    (truncated, "unreachable"),
    (other_bytes, "wrong-hash"),
    (other_key, "wrong-key"),
    (no_safetensors, "not-safetensors"),
    (huge_header, "not-safetensors"),
    (other_tensors, "wrong-schema"),
    (other_schema, "wrong-schema"),
    (nan, "not-finite"),
    (infinite, "not-finite"),
]


@pytest.mark.parametrize(("make", "reason"), PAYLOADS, ids=[make.__name__ for make, _ in PAYLOADS])
async def test_a_payload_that_is_no_seed_is_refused_and_destroyed(
    scene: Scene, mallory: Member, make: Callable[[Scene, Member], OwnSeed], reason: str
) -> None:
    bad = make(scene, mallory)
    mallory.announce(scene.id, bad)
    await refused(scene.victim, mallory, reason)
    await asyncio.to_thread(
        scene.victim.wait_for,
        lambda: (
            not {f"seeds/{bad.manifest.payload_sha256}", f"keys/{bad.manifest.payload_sha256}"} & scene.victim.files()
        ),
        "the bad payload destroyed",
    )
    assert mallory.name not in scene.victim.seeds()
    good = mallory.make_seed(scene.plaintext, scene.schema, bad.manifest.generation + 1)
    mallory.announce(scene.id, good)
    await asyncio.to_thread(scene.victim.wait_event, "SeedAdopted", peer=mallory.name)


# --- notices and receipts -------------------------------------------------------------------------------------------
async def test_nobody_can_make_another_member_leave(scene: Scene, mallory: Member) -> None:
    forged = mallory.notice(scene.bela_credentials, GENERATION_MAX - 1)
    mallory.say(scene.id, Notices((forged,), last=False))
    await refused(scene.victim, mallory, "not-owner")
    own = replace(mallory.leave_notice(1), membership=scene.bela_credentials.membership)
    mallory.say(scene.id, Notices((own,), last=False))
    await asyncio.to_thread(scene.victim.wait_event, "Refused", peer=mallory.name, reason="forged")


async def test_a_receipt_is_its_holders_own(scene: Scene, mallory: Member) -> None:
    """In bela's name it is forged; in its own name there was no notice to answer."""

    def receipt(holder: PeerId) -> ErasureReceipt:
        return ErasureReceipt(holder, scene.id, GENERATION_MAX - 1, (), 1, 1, "ab" * 16, int(time.time()))

    identity = mallory.credentials.identity
    in_belas_name = sign(identity, receipt(scene.bela_credentials.peer_id))
    mallory.say(scene.id, Receipt(in_belas_name, scene.bela_credentials.membership))
    await refused(scene.victim, mallory, "forged")
    mallory.say(scene.id, Receipt(sign(identity, receipt(mallory.me)), mallory.credentials.membership))
    await refused(scene.victim, mallory, "no-notice")
    assert {row.closed_by for row in scene.victim.holders() if row.name == "bela"} == {""}


async def test_a_replayed_notice_takes_no_later_seed(scene: Scene, mallory: Member) -> None:
    """dora leaves and comes back; mallory says dora's old notice again and again."""
    async with scene.member() as dora:
        await replay(scene, mallory, dora)


async def replay(scene: Scene, mallory: Member, dora: Member) -> None:
    first = dora.make_seed(scene.plaintext, scene.schema)
    notice = dora.leave_notice(first.manifest.generation)
    dora.announce(scene.id, first)
    await asyncio.to_thread(scene.victim.wait_event, "SeedAdopted", peer=dora.name)
    dora.say(scene.id, Notices((notice,), last=False))
    await dora.until(lambda: any(isinstance(message, Receipt) for message in dora.messages))
    second = dora.make_seed(scene.plaintext, scene.schema, first.manifest.generation + 1)
    mark = scene.victim.mark
    dora.announce(scene.id, second)
    await asyncio.to_thread(scene.victim.wait_event, "SeedAdopted", mark, peer=dora.name)
    for _ in range(3):
        mallory.say(scene.id, Notices((notice,), last=False))
    dora.announce(scene.id, first)
    await refused(scene.victim, dora, "older-generation")
    assert scene.victim.seeds()[dora.name].generation == second.manifest.generation
    assert len(scene.victim.saw("TombstoneWritten", peer=dora.name)) == 1


async def test_a_seed_that_was_unlearned_is_not_brought_back(scene: Scene, mallory: Member) -> None:
    """Not by its old announcement, and not by a grant and a key that nobody asked for any more."""
    seed = mallory.make_seed(scene.plaintext, scene.schema)
    mallory.announce(scene.id, seed)
    await asyncio.to_thread(scene.victim.wait_event, "SeedAdopted", peer=mallory.name)
    (request,) = [message for message in mallory.messages if isinstance(message, KeyRequest)]
    mallory.say(scene.id, Notices((mallory.leave_notice(seed.manifest.generation),), last=False))
    await mallory.until(lambda: any(isinstance(message, Receipt) for message in mallory.messages))
    for _ in range(3):
        mallory.announce(scene.id, seed)
        mallory.say(scene.id, mallory.key_for(scene.id, request, seed))
    await refused(scene.victim, mallory, "unlearned")
    await refused(scene.victim, mallory, "not-asked-for")
    assert mallory.name not in scene.victim.seeds()
    assert not [name for name in scene.victim.files() if seed.manifest.payload_sha256 in name]
