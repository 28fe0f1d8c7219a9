"""Each mistake that a change might bring back is planted here, and must turn the simulation red.

`found_by` names the invariants whose checker may speak first; `within` bounds the seeds. `make mutants` tries them all
and writes docs/planted-faults.md: which checker caught which, after how many plans.
"""

from collections.abc import Callable

import pytest

from hdus_peer.simulation import Plan, draw, simulate
from tests.simulation import plans, plants, plants_alone

Plant = Callable[[pytest.MonkeyPatch], None]
Fault = tuple[Plant, set[str], int, Callable[[int], Plan]]
FaultAlone = tuple[Plant, set[str], int, Callable[..., Plan]]
OWN_KINDS = (
    plans.busy,
    plans.coming_and_going,
    plans.leased,
    plans.two_faced,
    plans.replayed,
    plans.calm,
    plans.forgetting,
    plans.put_back,
    plans.slow_disk,
    plans.full_disk,
    plans.reorder,
    plans.revoke,
    plans.clone,
)

FAULTS: list[Fault] = [
    (plants.commit_and_send_swapped, {"I2", "I3", "I5"}, 5, draw),
    (plants.receipt_before_erased, {"I1"}, 5, draw),
    (plants.writes_one_by_one, {"I5"}, 10, draw),
    (plants.hash_check_gone, {"I5"}, 10, draw),
    (plants.truncated_payload_accepted, {"I5"}, 10, draw),
    (plants.signature_check_gone, {"I7"}, 15, draw),
    (plants.ownership_check_gone, {"I7"}, 15, draw),
    (plants.tombstone_not_durable, {"I1", "I2"}, 5, draw),
    (plants.late_training_publishes, {"I2"}, 10, plans.forgetting),
    (plants.forgetter_answers_early, {"I1"}, 10, plans.forgetting),
    (plants.key_before_its_grant, {"I3"}, 5, draw),
    (plants.generation_reused_after_a_restart, {"I2"}, 10, plans.busy),
    (plants.notices_not_merged_first, {"I2"}, 5, draw),
    (plants.adoption_without_a_second_look, {"I2", "I5"}, 300, draw),
    (plants.summation_in_order_of_arrival, {"I6"}, 5, draw),
    (plants.release_while_an_earlier_grant_is_held, {"I4"}, 20, plans.busy),
    (plants.receipt_silent_about_unfinished_erasures, {"I1", "I4"}, 40, plans.busy),
    (plants.leaver_forgets_to_depart, {"I1", "I2", "I4"}, 5, draw),
    (plants.first_departure_taken_for_the_second, {"I1", "I4"}, 20, plans.coming_and_going),
    (plants.lease_ignored, {"L2"}, 10, plans.leased),
    (plants.used_after_its_lease, {"L2"}, 10, plans.leased),
    (plants.lease_longer_after_a_restart, {"L2"}, 40, plans.leased),
    (plants.end_of_lease_not_durable, {"L2"}, 5, plans.leased),
    (plants.lapsed_while_leased, {"I4"}, 5, draw),
    (plants.inventories_not_compared, {"I2"}, 5, plans.two_faced),
    (plants.proof_kept_to_oneself, {"L1"}, 10, plans.two_faced),
    (plants.proof_that_erases_nothing, {"I2"}, 5, plans.two_faced),
    (plants.equivocation_by_accident, {"I2"}, 10, plans.busy),
    (plants.heartbeat_without_root, {"L1"}, 3, plans.calm),
    (plants.buckets_that_find_nothing, {"L1"}, 3, plans.calm),
    (plants.restored_unnoticed, {"I2", "I4", "I6", "L1"}, 70, plans.put_back),
    (plants.leave_not_said_again, {"I4", "I6", "L1"}, 100, plans.put_back),
    (plants.tombstone_dropped, {"I1", "I2", "L1"}, 20, draw),
    (plants.notice_not_passed_on, {"I2", "L1"}, 20, draw),
    (plants.receipt_for_a_later_generation, {"I1"}, 5, draw),
    (plants.release_before_erased, {"I4"}, 20, plans.busy),
    (plants.lease_renewed_by_a_stranger, {"I6", "L2"}, 20, plans.replayed),
    (plants.rejoined_under_an_old_generation, {"I2", "I6"}, 20, plans.coming_and_going),
    (plants.revocation_by_anybody, {"I7"}, 60, draw),
    (plants.quarantine_forgotten_on_restart, {"I2"}, 20, draw),
    (plants.use_resumed_after_a_restart, {"L2"}, 40, plans.leased),
]
ALONE: list[FaultAlone] = [
    (plants_alone.refused_commit_forgotten, {"I1", "I3", "I5"}, 5, plans.full_disk),
    (plants_alone.erasure_given_up_after_a_while, {"I1", "I4"}, 10, plans.slow_disk),
    (plants_alone.merged_before_it_has_merged, {"I2"}, 20, plans.reorder),
    (plants_alone.revoked_holder_waited_for, {"L1"}, 60, plans.revoke),
    (plants_alone.revoked_comes_back, {"I6"}, 5, plans.revoke),
    (plants_alone.clone_accepted, {"I4"}, 5, plans.clone),
    (plants_alone.clone_counted, {"I4"}, 20, plans.clone),
    (plants_alone.key_for_a_clone, {"I4"}, 10, plans.clone),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "found_by", "within", "plan"), [*FAULTS, *ALONE], ids=lambda each: getattr(each, "__name__", "")
)
def test_a_planted_fault_is_found(
    plant: Plant, found_by: set[str], within: int, plan: Callable[[int], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in range(within):
        violation = simulate(seed, plan(seed)).violation
        if violation is not None:
            assert violation.invariant in found_by, f"seed {seed}: {violation}"
            return
    pytest.fail(f"nobody noticed within {within} seeds")


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "plan"), [(fault[0], fault[3]) for fault in ALONE], ids=lambda each: each.__name__)
def test_a_kind_of_fault_is_what_brings_it_to_light(
    plant: Plant, plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in range(5):
        assert simulate(seed, plan(seed, is_there=False)).violation is None, f"seed {seed}"


@pytest.mark.slow
@pytest.mark.parametrize("plan", OWN_KINDS)
def test_nothing_is_found_where_nothing_was_planted(
    plan: Callable[[int], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    if plan is plans.calm:
        plants.early_notices_lost(monkeypatch)
    for seed in range(5):
        assert simulate(seed, plan(seed)).violation is None, f"seed {seed}"
