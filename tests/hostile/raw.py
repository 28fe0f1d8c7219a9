"""A member that speaks bytes of its own choice: over gRPC, over TLS, and over bare TCP.

Its credentials are valid; beyond that it keeps to nothing: what bounds an attack is what the victim allows.
"""

import asyncio
import ssl
import tempfile
from pathlib import Path
from typing import Any

import grpc

from hdus_peer.admission.credentials import Credentials
from hdus_peer.domain.address import split_address
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.tls_name import tls_name
from hdus_peer.protocol.messages import Greeting, Merged, Notices
from hdus_peer.transport.channel import LINK
from hdus_peer.transport.codec import encode_frame
from tests.hostile.member import Member

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
CONNECTING_S = 10.0


class RawMember:
    """`credentials` of a member, against the peer `victim` at `address`. Whatever it opens stays open until `close`."""

    def __init__(self, credentials: Credentials, victim: PeerId, address: str) -> None:
        self.me = Member(credentials)
        self._victim, self._address = victim, address
        self._channels: list[Any] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._readers: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        return self.me.name

    def channel(self) -> Any:
        """A gRPC connection of its own, on which messages of any size are sent."""
        mine = self.me.credentials
        credentials = grpc.ssl_channel_credentials(
            mine.root_certificate_pem, mine.private_key_pem, mine.certificate_chain_pem
        )
        options = [
            ("grpc.ssl_target_name_override", tls_name(self._victim)),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self._channels.append(grpc.aio.secure_channel(self._address, credentials, options))
        return self._channels[-1]

    async def link(self, *, reads: bool = True) -> Any:
        """A link over which seeds may be spoken of. Without `reads` nothing is ever taken from it."""
        call = self.channel().stream_stream(LINK)()
        await call.initial_metadata()
        greeting = Greeting(self.me.hello(), self.me.credentials.membership, None)
        for message in (greeting, Notices((), last=True), Merged()):
            await call.write(encode_frame(message))
        if reads:
            reading = asyncio.create_task(_discard(call))
            self._readers.add(reading)
        return call

    async def connect(self, first_bytes: bytes = b"", *, tls: bool = True) -> asyncio.StreamReader:
        """A connection that says `first_bytes` and nothing more; with `tls`, after a complete handshake."""
        host, port = split_address(self._address)
        given: dict[str, Any] = {"ssl": self._tls(), "server_hostname": tls_name(self._victim)} if tls else {}
        async with asyncio.timeout(CONNECTING_S):
            reader, writer = await asyncio.open_connection(host, port, **given)
        writer.write(first_bytes)
        self._writers.append(writer)
        return reader

    def _tls(self) -> ssl.SSLContext:
        mine = self.me.credentials
        context = ssl.create_default_context(cadata=mine.root_certificate_pem.decode())
        context.set_alpn_protocols(["h2"])
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "both.pem")
            file.touch(0o600)
            file.write_bytes(mine.private_key_pem + mine.certificate_chain_pem)
            context.load_cert_chain(file)
        return context

    async def close(self) -> None:
        for reading in self._readers:
            reading.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        for channel in self._channels:
            await channel.close()


async def _discard(call: Any) -> None:
    try:
        while await call.read() is not grpc.aio.EOF:
            pass
    except grpc.RpcError:
        return
