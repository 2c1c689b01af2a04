"""`python -m hub`: the same as `naruko`."""

import sys

from hub.cli import main

sys.exit(main())
