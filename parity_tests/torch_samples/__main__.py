"""``python -m parity_tests.torch_samples``: run PyTorch's samples and count them."""

import sys

from parity_tests.torch_samples.results import all_results, table


def main() -> int:
    """Return 0 if all samples that are run pass, else 1."""
    print(table())
    failures = [text for _, _, found in all_results() for text in found.failures]
    for text in failures:
        print(text, file=sys.stderr)
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
