"""`python -m simrt.server`: the server as a process of a harness."""

import sys

from simrt.server.process import main

if __name__ == "__main__":
    sys.exit(main())
