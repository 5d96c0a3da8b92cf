"""`python -m tests.intervals`: measure anew, and print the rates."""

from tests.intervals.cases import BEYOND, LAWS, WHOLE
from tests.intervals.measure import POOL, WHOLE_POOL, measure

if __name__ == "__main__":
    for case in (*LAWS, *WHOLE, *BEYOND):
        for size, rates in measure(case, pool=POOL if case.draw else WHOLE_POOL).items():
            print(case.name, size, rates)
