"""`python -m tests.intervals`: measure anew, and write docs/statistics.md; a quarter of an hour."""

from tests.intervals.document import write

if __name__ == "__main__":
    write(lambda what: print(what, flush=True))
