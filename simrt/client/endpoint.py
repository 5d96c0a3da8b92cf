"""Where a stream is: host, port and what stands in the request line."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A stream's address; plain HTTP only.

    Attributes:
        host: name or address, an IPv6 address without brackets.
        port: 1 to 65535.
        target: path and query, beginning with `/`.
    """

    host: str
    port: int
    target: str

    @classmethod
    def of(cls, url: str) -> Endpoint:
        """Read a URL such as `http://127.0.0.1:8000/shop/news`.

        Raises:
            ValueError: for another scheme, no host, a bad port, or characters that no request line
                may hold.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a stream; write http://HOST:PORT/PATH")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not target.isascii() or not target.isprintable() or " " in target:
            raise ValueError(f"{url!r}: write the path in percent-encoding")
        return cls(parts.hostname, parts.port or 80, target)

    @property
    def authority(self) -> str:
        """Host and port, as the Host header wants them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def same_origin(self, other: Endpoint) -> bool:
        """Whether both are on one host and port."""
        return (self.host, self.port) == (other.host, other.port)

    def follow(self, location: str) -> Endpoint:
        """Where a `Location` header points to from here.

        Raises:
            ValueError: as `of`.
        """
        return self.of(urljoin(f"http://{self.authority}{self.target}", location))
