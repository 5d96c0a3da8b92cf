"""`python -m simrt` is `simrt`."""

from simrt.cli import main

main()
