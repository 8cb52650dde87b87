"""Run the command line: ``python -m fasttrees``."""

import sys

from fasttrees.cli import main

if __name__ == "__main__":
    sys.exit(main())
