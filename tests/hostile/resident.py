"""The memory of a process as the kernel counts it (Linux, proc(5)): resident now, and at most since the last reset."""

from pathlib import Path

NOW, PEAK = "VmRSS", "VmHWM"
MIB = 1024 * 1024
_RESET_PEAK = "5"


def resident(pid: int, what: str = NOW) -> int:
    """Bytes, NOW or at the PEAK."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


def reset_peak(pid: int) -> int:
    """Let the peak begin anew from what is resident now, which is returned (bytes)."""
    Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)
    return resident(pid)
