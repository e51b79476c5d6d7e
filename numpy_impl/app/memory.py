"""The peak memory of this process."""

import re
import sys
from pathlib import Path

KIB = 1024
MB = 1e6


def peak_rss_mb(status: Path = Path("/proc/self/status")) -> float | None:
    """Return the largest resident set size so far, in MB of 10^6 bytes.

    Linux's VmHWM is preferred to ru_maxrss, which starts from the value of the parent process.

    Parameters
    ----------
    status : path
        Where the kernel reports it; replaced by ru_maxrss where there is no such file.

    Returns
    -------
    float or None
        None on a system that reports neither.
    """
    try:
        found = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(), re.MULTILINE)
    except OSError:
        found = None
    if found:
        return int(found[1]) * KIB / MB
    try:
        import resource
    except ImportError:
        return None
    # macOS reports bytes, every other system units of 1024 bytes.
    unit = 1 if sys.platform == "darwin" else KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB
