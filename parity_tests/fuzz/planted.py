"""Faults of readers that the fuzzer must find."""

from typing import NamedTuple

from parity_tests.faults.fault import Fault


class Planted(NamedTuple):
    """A fault, where it is looked for, and as what it is found."""

    target: str
    kind: str
    fault: Fault


def _planted(
    name: str, target: str, kind: str, module: str, function: str, old: str, new: str
) -> Planted:
    return Planted(target, kind, Fault(name, f"numpy_impl.{module}", function, old, new, ()))


PLANTED = {
    entry.fault.name: entry
    for entry in (
        _planted("no bound", "idx", "memory", "data.idx", "_parse", "size > max_bytes", "False"),
        _planted(
            "all memory at once",
            "idx",
            "memory",
            "data.idx",
            "_parse",
            "read_up_to(file, size + 1)",
            "bytearray(file.read(size + 1))",
        ),
        _planted(
            "bytes in the wrong order",
            "idx",
            "wrong",
            "data.idx",
            "_parse",
            '.astype(dtype.newbyteorder("="), copy=False)',
            '.view(dtype.newbyteorder("="))',
        ),
        _planted(
            "an error of NumPy's",
            "idx",
            "exception",
            "data.idx",
            "_parse",
            "except ValueError as error",
            "except KeyError as error",
        ),
        _planted(
            "no bound for an archive",
            "npz",
            "memory",
            "npz",
            "_read_array",
            "size > left",
            "False",
        ),
        _planted(
            "too many levels",
            "npz",
            "exception",
            "untrusted",
            "parse_json",
            "except RecursionError",
            "except KeyError",
        ),
        _planted(
            "no end",
            "npz",
            "time",
            "npz",
            "_read_members",
            "if name in arrays:\n",
            "while name in arrays:\n            continue\n        if name in arrays:\n",
        ),
        # The next two are looked for from another process.
        _planted(
            "an end of all",
            "npz",
            "crash",
            "npz",
            "_read_members",
            "left = max",
            "os.abort(); left = max",
        ),
        _planted(
            "no end, and no way to end it",
            "npz",
            "crash",
            "npz",
            "_read_members",
            "left = max_bytes\n",
            "left = max_bytes\n    while True:\n        try:\n            while True:\n"
            "                left += 0\n        except BaseException:\n            continue\n",
        ),
        _planted(
            "types of arrays unseen",
            "npz",
            "wrong",
            "checkpoint",
            "_check_dtypes",
            "if array.dtype.name not in",
            "if array.dtype.kind == 'O' and array.dtype.name not in",
        ),
        _planted(
            "a message without an end",
            "npz",
            "message",
            "checkpoint",
            "_load",
            "one_line(str(error))",
            "str(error) * 1000",
        ),
        _planted(
            "a right file refused",
            "npz",
            "refused",
            "npz",
            "_read_array",
            "len(data) != size",
            "len(data) == size",
        ),
    )
}
