"""``python -m matjax``: the command ``matjax``."""

import sys

from matjax.cli import main

if __name__ == "__main__":
    sys.exit(main())
