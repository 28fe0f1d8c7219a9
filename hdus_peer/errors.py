"""Every error of the product, in one tree.

Rule: an adapter translates foreign exceptions into one of these; nothing else crosses a package boundary.
The docstring of a class says when it is raised; the message of an instance is the sentence that the user reads,
and ends with what to do next. `exit_code` is what the command line ends with, `retryable` whether the same
call may succeed later without anybody changing anything.

    HdusError
    ├── LocalError               something here: configuration, disk, own data, own processes
    │   ├── ConfigurationError   2   a wrong key, value or file
    │   ├── DataError            2   training or prediction input that cannot be used
    │   ├── AdmissionError       4   credentials or certificates
    │   ├── StateError           5   the state directory: locked, unreadable, from a later version
    │   │   └── LeftError        5   it is that of a peer that has left its network
    │   ├── StorageError         6   the disk refused (full, read-only)
    │   ├── WorkerError          7   a child process failed
    │   └── NotRunningError      8   no daemon answers
    └── RemoteError              another peer did something that cannot be accepted: drop, count, go on
        ├── MalformedError           bytes that are no message of the protocol
        ├── ForgedError              a signature or an owner that does not fit
        ├── RefusedError             understood, and not acceptable (too big, too old, another task)
        └── UnreachableError         nobody answered in time

Exit code 1 is kept for "a check did not hold", 3 for "done, but some are pending".
"""


class HdusError(Exception):
    """Something went wrong, and the message says what to do."""

    exit_code = 1
    retryable = False


class LocalError(HdusError):
    """The cause is on this device."""


class ConfigurationError(LocalError):
    """A configuration key, value or file is wrong."""

    exit_code = 2


class DataError(LocalError):
    """Training or prediction data cannot be used."""

    exit_code = 2


class AdmissionError(LocalError):
    """Credentials or certificates are missing, expired or of another network."""

    exit_code = 4


class StateError(LocalError):
    """The state directory cannot be used as it is."""

    exit_code = 5


class LeftError(StateError):
    """The peer of this state directory has left its network, and comes back only when it is told to."""


class StorageError(LocalError):
    """The disk refused a write; what was acknowledged before is safe."""

    exit_code = 6
    retryable = True


class WorkerError(LocalError):
    """A child process failed or ended before its answer."""

    exit_code = 7
    retryable = True


class NotRunningError(LocalError):
    """No daemon answers on the control socket."""

    exit_code = 8


class RemoteError(HdusError):
    """Another peer did something that cannot be accepted: dropped, counted, and life goes on."""

    exit_code = 9


class MalformedError(RemoteError):
    """Bytes that are no message of the protocol."""


class ForgedError(RemoteError):
    """A signature, or the owner of a claim, does not fit."""


class RefusedError(RemoteError):
    """A message that was understood and is not acceptable."""


class UnreachableError(RemoteError):
    """The other peer did not answer in time."""

    retryable = True
