"""``python -m numpy_impl`` is the command line of `numpy_impl.cli`."""

import sys

from numpy_impl.cli import main

if __name__ == "__main__":
    sys.exit(main())
