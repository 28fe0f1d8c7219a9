"""Every bound and every interval of the protocol, in one frozen value. Seconds are of the boot clock."""

from dataclasses import dataclass

from hdus_peer.domain.seed import LAPSE_SLACK_S


@dataclass(frozen=True, slots=True)
class Limits:
    heartbeat_interval_s: float = 2.0
    heartbeats_per_s_max: float = 8.0  # of all links together: above 16 links each beats more seldom
    suspect_after_s: float = 4.5
    gone_after_s: float = 12.0
    greeting_timeout_s: float = 10.0
    dial_yield_s: float = 1.0
    dial_retry_min_s: float = 0.5
    dial_retry_max_s: float = 15.0
    departed_retry_max_s: float = 3600.0
    dials_at_once_max: int = 32
    choose_interval_s: float = 0.5
    fetch_retry_min_s: float = 0.5
    fetch_retry_max_s: float = 30.0
    fetch_attempts_max: int = 8
    grants_per_generation_max: int = 256
    announce_wait_s: float = 3.0  # for the seeds of those who were just found
    announced_at_once_max: int = 8  # new seeds of one owner, after a silence
    announced_interval_s: float = 5.0  # between any more of them
    key_retry_s: float = 2.0
    owed_retry_s: float = 5.0
    lease_use_s: int = 7 * 86_400
    lease_hold_s: int = 14 * 86_400
    lease_renew_s: float = 86_400.0
    lease_max_s: int = 92 * 86_400
    lease_note_s: float = 3600.0
    lapse_slack_s: int = LAPSE_SLACK_S  # of the wall clock: leases are dated by it
    mailboxes_max: int = 8
    mailbox_keep_s: int = 60 * 86_400  # of the wall clock: receipts are dated by it
    pass_on_interval_s: float = 10.0
    pass_on_max: int = 8
    confirm_wait_s: float = 5.0
    neighbours_max: int = 16
    links_max: int = 128
    members_max: int = 256
    dial_all_max: int = 64
    addresses_per_peer_max: int = 8
    named_addresses_max: int = 1024
    seed_bytes_max: int = 64 * 1024 * 1024
    message_bytes_max: int = 1024 * 1024  # of version 1 of the protocol, told in every Hello
    chunk_bytes_max: int = 1024 * 1024
