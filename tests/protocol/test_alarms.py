"""The earliest of many deadlines, against looking at all of them."""

from hypothesis import given
from hypothesis import strategies as some

from hdus_peer.protocol.alarms import NEVER_S, Alarms

keys = some.sampled_from("abcd")
moves = some.tuples(keys, some.sampled_from([1.0, 2.0, 3.0, 5.0, 8.0, NEVER_S]))


@given(some.lists(some.one_of(moves, some.floats(0, 9)), max_size=40))
def test_the_earliest_is_that_of_all_whatever_was_moved_and_taken(script: list[tuple[str, float] | float]) -> None:
    dues_s: dict[str, float] = {}
    alarms: Alarms[str] = Alarms(lambda key: dues_s.get(key, NEVER_S))
    for what in script:
        if isinstance(what, tuple):
            key, due_s = what
            dues_s[key] = due_s
            alarms.watch(key)
        else:
            expected = {key for key, due_s in dues_s.items() if due_s <= what}
            taken = list(alarms.take(what))
            assert set(taken) == expected
            assert len(taken) == len(expected)
            assert taken == sorted(taken, key=dues_s.__getitem__)
            for key in taken:
                del dues_s[key]
        assert alarms.not_before_s() <= min(dues_s.values(), default=NEVER_S)
        assert alarms.earliest_s() == min(dues_s.values(), default=NEVER_S) == alarms.not_before_s()


def test_a_deadline_that_moves_later_needs_no_word() -> None:
    dues_s = {"a": 1.0, "b": 2.0}
    alarms: Alarms[str] = Alarms(dues_s.__getitem__)
    for key in dues_s:
        alarms.watch(key)
    dues_s["a"] = 3.0
    assert alarms.earliest_s() == 2.0
    dues_s["b"] = NEVER_S
    assert alarms.earliest_s() == 3.0
