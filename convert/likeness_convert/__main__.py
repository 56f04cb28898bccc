"""`python -m likeness_convert` is the command `likeness-convert`."""

import sys

from likeness_convert.cli import main

sys.exit(main())
