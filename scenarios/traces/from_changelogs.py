"""Rebuild debian-changelogs.csv: when some Debian packages got new versions.

    python3 scenarios/traces/from_changelogs.py > scenarios/traces/debian-changelogs.csv

Needs a Debian 12 on which the packages below are installed; reads their changelogs, nothing else.
Only the dates are taken. Dates outside the window are left out, so that later updates of a package
do not change the file.
"""

import gzip
import re
import sys
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

# One binary package for each source package whose uploads count.
PACKAGES = (
    "adduser", "apt", "base-files", "bash", "ca-certificates", "coreutils", "curl", "dash",
    "debconf", "debianutils", "dpkg", "e2fsprogs", "findutils", "gcc-12-base", "git", "grep",
    "gzip", "hostname", "init-system-helpers", "libc6", "libpam0g", "libssl3", "login",
    "linux-libc-dev", "make", "mawk", "ncurses-base", "perl-base", "procps", "python3.11-minimal",
    "sed", "systemd", "sysvinit-utils", "tar", "tzdata", "util-linux", "xz-utils",
)  # fmt: skip

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
END = datetime(2023, 6, 1, tzinfo=UTC)

# The last line of an entry: " -- NAME <ADDRESS>  DATE". Only the date is looked at.
_TRAILER = re.compile(r"^ -- .*>  (.+)$")


def upload_times(package: str) -> list[int]:
    """Unix seconds of every entry of a package's changelog within the window."""
    folder = Path("/usr/share/doc", package)
    for name in ("changelog.Debian.gz", "changelog.gz"):
        if (folder / name).exists():
            with gzip.open(folder / name, "rt", encoding="utf-8", errors="replace") as file:
                found = [_TRAILER.match(line.rstrip()) for line in file]
            times = [parsedate_to_datetime(match[1]) for match in found if match]
            return [int(time.timestamp()) for time in times if BEGIN <= time < END]
    sys.exit(f"{package}: no changelog in {folder}; install the package on Debian 12 and try again")


def main() -> None:
    """Write the trace to standard output."""
    times = sorted(time for package in PACKAGES for time in upload_times(package))
    print("t,event")
    for time in times:
        print(f"{time},content-updated")


if __name__ == "__main__":
    main()
