"""A peer in a process of its own, to be killed: serves one endless payload. `python -m tests.transport.victim`

Arguments: a folder with the TLS material, its PeerId, and `peer@address` of whom to dial, or "". Prints its
address, and a line when its link is up or down.
"""

import asyncio
import sys
from pathlib import Path

from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.messages import Message
from hdus_peer.transport.grpc import GrpcTransport
from hdus_peer.transport.tls import TlsMaterial

ENDLESS_BYTES = 2**40


class Endless:
    size = ENDLESS_BYTES

    def read(self, offset: int, length: int) -> bytes:
        return bytes(length)

    def close(self) -> None:
        """Nothing to close."""


class Listener:
    def on_link_up(self, peer: PeerId, dialled: bool) -> None:
        print("up", flush=True)

    def on_link_down(self, peer: PeerId, reason: str) -> None:
        print("down", flush=True)

    def on_message(self, peer: PeerId, message: Message) -> None: ...

    def on_refused(self, peer: PeerId | None, reason: str) -> None: ...

    def open_payload(self, peer: PeerId, payload_sha256: str) -> Endless:
        return Endless()


async def main(folder: Path, me: PeerId, target: str) -> None:
    pem = {name: (folder / name).read_bytes() for name in ("root", "chain", "key", "root_public_key")}
    material = TlsMaterial(
        pem["root"], pem["chain"], pem["key"], (folder / "network").read_text(), pem["root_public_key"]
    )
    transport = GrpcTransport(me, material, "127.0.0.1:0")
    await transport.start(Listener())
    print(transport.address, flush=True)
    if target:
        peer, _, address = target.partition("@")
        await transport.dial(PeerId(peer), address)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), PeerId(sys.argv[2]), sys.argv[3]))
