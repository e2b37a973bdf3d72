"""`python -m kadalu_ssh`."""

import sys

from kadalu_ssh.cli.main import main

sys.exit(main())
