"""Discovery on the local network by mDNS (python-zeroconf), with announcements and questions of our own.

Rules
1. Records are heard whenever anybody announces itself, also unchanged: each time, a sighting is reported. (A browser
   reports changes only, asks seldom after 14 s, and so never again finds the other side of a healed partition.)
2. Every round announces this peer; while lonely it also asks, naming those heard lately, who therefore keep silent.
   Traffic so grows with the number of peers, not with its square.
3. The interfaces are looked at in every round. When they changed, or somebody says that the network did, the sockets
   are stale and are made anew; when none is there, or the system refuses, the next round tries again. Nothing of it
   reaches the caller as an error.

What is remembered is zeroconf's record cache, which is bounded. Absent on purpose: goodbyes and expiry of others. Who
is alive is for the protocol's heartbeats to say.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from zeroconf import (  # type: ignore[attr-defined]  # zeroconf offers these names here, without marking them exported
    DNSOutgoing,
    DNSPointer,
    DNSQuestion,
    DNSService,
    DNSText,
    NotRunningException,
    RecordUpdate,
    RecordUpdateListener,
    ServiceInfo,
    Zeroconf,
    current_time_millis,
)
from zeroconf.asyncio import AsyncZeroconf

from hdus_peer.discovery.announcement import SERVICE_TYPE, announcement, instance_name, peer_in, sightings_in
from hdus_peer.discovery.cadence import Cadence, Intervals
from hdus_peer.discovery.interfaces import Interface, dialable_addresses, interfaces, speaking_addresses
from hdus_peer.discovery.port import Sighting
from hdus_peer.domain.address import split_address
from hdus_peer.domain.identity import PeerId

HEARD_AT_ONCE_MAX = 256
_FLAGS_QUERY, _TYPE_PTR, _CLASS_IN = 0, 12, 1  # RFC 1035
_log = logging.getLogger(__name__)
logging.getLogger("zeroconf").setLevel(logging.CRITICAL)  # that a cable is out is said below, once, and without a trace


class MdnsDiscovery:
    """`network`: only its members are reported. `listen`: where the transport listens (`host:port`, with the port that
    was bound). `wanted`: names or addresses of interfaces (empty: all); `advertise`: IP addresses to announce instead
    of those of the interfaces."""

    def __init__(
        self,
        me: PeerId,
        network: str,
        listen: str,
        wanted: tuple[str, ...] = (),
        advertise: tuple[str, ...] = (),
        intervals: Intervals = Intervals(),  # noqa: B008 - a frozen value
    ) -> None:
        self._me, self._network, self._listen = me, network, listen
        self._wanted, self._advertise = wanted, advertise
        self._known_for_s = 2 * intervals.lonely_interval_s
        self._cadence = Cadence(intervals, self._round)
        self._found: Callable[[Sighting], None] | None = None
        self._bound: tuple[tuple[Interface, ...], list[str]] = ((), [])
        self._voice: _Voice | None = None
        self._is_stale = False
        self._complaint = ""

    async def start(self, found: Callable[[Sighting], None]) -> None:
        self._found = found
        await self._cadence.start()

    def lonely(self, is_lonely: bool) -> None:
        self._cadence.lonely(is_lonely)

    def look_again(self) -> None:
        self._is_stale = True
        self._cadence.hurry()

    async def stop(self) -> None:
        self._found = None
        await self._cadence.stop()
        await self._close()

    async def _round(self) -> None:
        now = interfaces(self._wanted)
        speaking = speaking_addresses(now)
        if self._voice is None or self._is_stale or (now, speaking) != self._bound:
            await self._open(now, speaking)
        elif self._cadence.is_lonely:
            self._voice.announce()
            self._voice.ask(self._known_for_s)
        else:
            self._voice.announce()

    async def _open(self, now: tuple[Interface, ...], speaking: list[str]) -> None:
        """Bind to these addresses of these interfaces, announce and ask."""
        self._is_stale = False
        await self._close()
        addresses = dialable_addresses(now, self._listen, self._advertise)
        if not speaking or not addresses:
            self._complain("mDNS has no interface to speak on")
            return
        mine = announcement(self._me, self._network, addresses, split_address(self._listen)[1])
        try:
            self._voice = await _Voice.open(speaking, mine, self._heard)
        except (OSError, NotRunningException) as problem:
            self._complain(f"mDNS cannot speak on {', '.join(speaking)} ({problem})")
            return
        if self._complaint:
            _log.info("mDNS speaks on %s", ", ".join(speaking))
        self._bound, self._complaint = (now, speaking), ""
        self._voice.ask(self._known_for_s)

    def _complain(self, complaint: str) -> None:
        """Log it, once until something changes."""
        if complaint != self._complaint:
            _log.warning("%s; it is tried again and again, and network.static_peers are dialled meanwhile", complaint)
        self._complaint = complaint

    async def _close(self) -> None:
        voice, self._voice = self._voice, None
        if voice is not None:
            await voice.close()

    def _heard(self, info: ServiceInfo) -> None:
        if self._found is not None and info.name != instance_name(self._me):
            for sighting in sightings_in(info, self._network):
                self._found(sighting)


class _Voice(RecordUpdateListener):
    """One set of sockets: speaks this peer's records, and hears those of others."""

    def __init__(self, zeroconf: AsyncZeroconf, mine: ServiceInfo, heard: Callable[[ServiceInfo], None]) -> None:
        self._zeroconf, self._mine, self._report = zeroconf, mine, heard
        self._heard: set[PeerId] = set()
        self._first_announcements: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, addresses: list[str], mine: ServiceInfo, heard: Callable[[ServiceInfo], None]) -> "_Voice":
        """Bind and announce. Raises OSError or NotRunningException, with nothing left open."""
        zeroconf = AsyncZeroconf(interfaces=addresses)
        voice = cls(zeroconf, mine, heard)
        try:
            sent = await zeroconf.async_register_service(mine, cooperating_responders=True)
        except BaseException:
            await zeroconf.async_close()
            raise
        voice._first_announcements = asyncio.ensure_future(sent)
        zeroconf.zeroconf.async_add_listener(voice, None)
        return voice

    def announce(self) -> None:
        """Say this peer's records to everybody."""
        self._zeroconf.zeroconf.async_send(self._zeroconf.zeroconf.generate_service_broadcast(self._mine, None))

    def ask(self, known_for_s: float) -> None:
        """Ask who is there; whoever was heard within `known_for_s` need not answer."""
        now_ms = current_time_millis()
        question = DNSOutgoing(_FLAGS_QUERY)
        question.add_question(DNSQuestion(SERVICE_TYPE, _TYPE_PTR, _CLASS_IN))
        for record in self._zeroconf.zeroconf.cache.async_all_by_details(SERVICE_TYPE, _TYPE_PTR, _CLASS_IN):
            if record.created > now_ms - known_for_s * 1000:
                question.add_answer_at_time(record, now_ms)
        self._zeroconf.zeroconf.async_send(question)

    async def close(self) -> None:
        """Say goodbye and close the sockets, whatever state they are in."""
        if self._first_announcements is not None:
            self._first_announcements.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._first_announcements
        try:
            await self._zeroconf.async_close()
        except OSError as problem:
            _log.warning("mDNS sockets did not close in order: %s", problem)

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Note who is spoken of in a packet that just came; its records are not in the cache yet."""
        for update in records:
            record = update.new
            if record.is_expired(now) or len(self._heard) >= HEARD_AT_ONCE_MAX:
                continue
            if isinstance(record, DNSService | DNSText):
                peer = peer_in(record.name)
            else:
                peer = peer_in(record.alias) if isinstance(record, DNSPointer) else None
            if peer is not None:
                self._heard.add(peer)

    def async_update_records_complete(self) -> None:
        """The packet's records are in the cache: report whoever is complete."""
        heard, self._heard = sorted(self._heard), set()
        for peer in heard:
            info = ServiceInfo(SERVICE_TYPE, instance_name(peer))
            if info.load_from_cache(self._zeroconf.zeroconf):
                self._report(info)
