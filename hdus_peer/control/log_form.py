"""An entry of the log as a line: for people, or as JSON. The daemon's own log and the command line both use these."""

import json
import time

from hdus_peer.control.port import LogEntry


def human(entry: LogEntry) -> str:
    """Local time, level, event, fields; a trace stands on the lines below."""
    stamp = time.strftime("%H:%M:%S", time.localtime(entry.time_s))
    fields = " ".join(f"{name}={value}" for name, value in json.loads(entry.fields).items())
    trace = f"\n{entry.trace}" if entry.trace else ""
    return f"{stamp} {entry.level:7} {entry.event} {fields}".rstrip() + trace


def as_json(entry: LogEntry) -> str:
    """One object: time (Unix seconds), level, event, trace where there is one, and the fields beside them."""
    line = {"time": round(entry.time_s, 3), "level": entry.level, "event": entry.event}
    trace = {"trace": entry.trace} if entry.trace else {}
    return json.dumps({**line, **trace, **json.loads(entry.fields)})
