"""Tables for the guide from NumPy to PyTorch, made from the registry."""

from collections.abc import Iterator
from typing import Any

from parity_tests.cases.catalogue import Declared, catalogue
from parity_tests.checks.signatures import left_out, public_kinds
from torch_ref import pytorch_class


def operations_table() -> str:
    """Return a Markdown table of all operations: where they are here, and what they are there."""
    lines = ["| | NumPy | PyTorch | formula | forms checked |", "|---|---|---|---|---|"]
    for declared, variants in _joined():
        operation = declared.case.operation
        forms = ", ".join(sorted(variants))
        lines.append(
            f"| {declared.kind} | `{operation.__name__}` | `{_pytorch(operation)}` "
            f"| `{operation.__module__}` | {forms} |"
        )
    return "\n".join(lines)


def counts() -> tuple[int, int]:
    """Return the number of operations, networks included, and of the forms that are checked."""
    forms = {(entry.operation, form) for entry in catalogue() for form in entry.variants}
    return len({operation for operation, _ in forms}), len(forms)


def left_out_table() -> str:
    """Return a Markdown table of the arguments of PyTorch that ours do not take, and why."""
    found: dict[tuple[str, str], list[str]] = {}
    for kind in public_kinds():
        for argument, reason in left_out(kind).items():
            found.setdefault((argument, reason), []).append(kind.__name__)
    lines = ["| argument | of | reason |", "|---|---|---|"]
    for (argument, reason), names in found.items():
        of = ", ".join(f"`{name}`" for name in names) if len(names) < 6 else f"{len(names)} classes"
        lines.append(f"| `{argument}` | {of} | {reason} |")
    return "\n".join(lines)


def _joined() -> Iterator[tuple[Declared, list[str]]]:
    """Yield every operation once, with the forms of all its declarations."""
    found: dict[tuple[str, str], tuple[Declared, list[str]]] = {}
    for declared in catalogue():
        if declared.kind != "network":
            key = declared.kind, declared.operation
            found.setdefault(key, (declared, []))[1].extend(declared.variants)
    yield from found.values()


def _pytorch(operation: Any) -> str:
    """Return the name of the counterpart as it is imported."""
    if not isinstance(operation, type):
        return f"torch.nn.init.{operation.__name__}"
    twin = pytorch_class(operation)
    home = twin.__module__
    for public in ("torch.nn", "torch.optim.lr_scheduler", "torch.optim"):
        if home.startswith(public):
            return f"{public}.{twin.__name__}"
    return f"{home}.{twin.__name__}"
