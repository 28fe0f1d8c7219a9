"""A victim of real processes, an honest neighbour that lives on beside the attack, and members that play the rest."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hdus_peer.admission import authority, credentials
from hdus_peer.admission.credentials import Credentials
from hdus_peer.admission.revocation import revoke, save_revocation
from hdus_peer.control.port import Offender
from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.messages import Notices, Receipt
from tests.hostile.member import Member
from tests.hostile.raw import RawMember
from tests.integration.peers import Network, Peer

_numbers = itertools.count(1)


class Scene:
    """`victim`: the peer under attack; `bela`: an honest neighbour of it, whose seed it holds and uses."""

    def __init__(self, made: Network, **more: object) -> None:
        made.trained.prepare("anna", "bela")
        settings = {"network__neighbours_max": 64, "limits__seed_bytes_max": 1 << 20}
        self.victim = made.peer("anna", **settings, **more).start()
        self.bela = made.peer("bela", knows=("anna",), **settings).start()
        self.victim.wait_event("Started")
        self.bela.wait_event("Started")
        self.victim.wait_serving("bela")
        self.bela.wait_serving("anna")
        self.id: PeerId = self.victim.status().peer
        self.address = self.victim.status().address
        self.bela_credentials = credentials.load(self.bela.credentials)
        models = made.trained.state("bela") / "models"
        self.plaintext = (models / "seed.safetensors").read_bytes()
        self.schema: str = json.loads((models / "result.json").read_text())["schema_sha256"]
        self.made = made

    def issue(self) -> Credentials:
        """Valid credentials of a member that was never seen."""
        return authority.issue(self.made.trained.root, f"mallory-{next(_numbers)}")

    @asynccontextmanager
    async def member(self, given: Credentials | None = None) -> AsyncIterator[Member]:
        """A new member, linked with the victim."""
        member = await Member(given or self.issue()).start()
        try:
            await member.meet(self.id, self.address)
            yield member
        finally:
            await member.stop()

    @asynccontextmanager
    async def raw_member(self) -> AsyncIterator[RawMember]:
        """A new member that speaks bytes of its own."""
        member = RawMember(self.issue(), self.id, self.address)
        try:
            yield member
        finally:
            await member.close()

    async def serves_others(self) -> None:
        """Another honest member comes, its seed is fetched and adopted, and it leaves with a receipt of its erasure."""
        mark = self.victim.mark
        async with self.member() as honest:
            seed = honest.make_seed(self.plaintext, self.schema)
            honest.announce(self.id, seed)
            await asyncio.to_thread(self.victim.wait_event, "SeedAdopted", mark, peer=honest.name)
            honest.say(self.id, Notices((honest.leave_notice(seed.manifest.generation),), last=False))
            await honest.until(lambda: any(isinstance(message, Receipt) for message in honest.messages))

    def lost_nothing(self) -> None:
        """The victim is well, and so is all that it holds of bela."""
        status, held = self.victim.status(), self.victim.seeds()
        assert status.phase == "active"
        assert held["bela"].confirmed, self.victim.report("bela's seed is no longer in use")
        assert held["bela"].owner in status.ensemble.owners

    def wait_named(self, peer: PeerId, words: frozenset[str]) -> Offender:
        """Until `status` names this member, and one of these words beside it; what it then says."""
        found: list[Offender] = []

        def is_named() -> bool:
            offenders = self.victim.status().offenders
            found.extend(one for one in offenders if one.peer == peer and words & one.refusals.keys())
            return bool(found)

        self.victim.wait_for(is_named, f"{peer} among the offenders, for {sorted(words)}")
        return found[0]

    def revoke(self, name: str, directory: Path) -> None:
        """The authority puts `name` out, and tells the victim."""
        root = authority.open_network(self.made.trained.root)
        (*_, admission) = root.register.of(name)
        file = directory / f"{name}.revocation"
        save_revocation(file, revoke(root.root, admission.membership, int(time.time())))
        assert self.victim.typed("network tell", str(file)).answer == {"peer": admission.peer}


async def refused(peer: Peer, member: Member, reason: str) -> None:
    await asyncio.to_thread(peer.wait_event, "Refused", peer=member.name, reason=reason)
    assert peer.status().refusals[reason] >= 1
