"""nginx with the configuration of docs/deployment.md, in front of a server."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from simrt.clock import stopwatch
from tests.docs.blocks import blocks_of
from tests.docs.rules import ROOT
from tests.server.live import PATIENCE_S

DOCUMENT = ROOT / "docs" / "deployment.md"
_OWN = Path(sys.prefix) / "nginx" / "usr" / "sbin" / "nginx"
NGINX = str(_OWN) if _OWN.is_file() else shutil.which("nginx") or ""
"""The one that `make` unpacks, or the system's."""

_MAIN = """
daemon off;
master_process off;
error_log stderr crit;
pid {folder}/pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


def missing() -> str:
    """Why it cannot be run here, or an empty text."""
    if not NGINX:
        return "nginx is not installed (apt: nginx)"
    done = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"nginx does not start: {done.stderr.strip()}"


def version() -> str:
    """Its version."""
    done = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=True)
    return done.stderr.strip().rpartition("/")[2]


def documented() -> str:
    """The site's configuration, as the document says it."""
    (text,) = (b.text for b in blocks_of(DOCUMENT) if "proxy_pass" in b.text)
    return text


def plain(site: str) -> str:
    """The same without TLS."""
    site = re.sub(r"^ *ssl_certificate.*\n", "", site, flags=re.MULTILINE)
    return site.replace(" ssl http2", "")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def nginx(site: str, upstream_port: int) -> Iterator[tuple[int, trustme.CA]]:
    """Run it; gives its port and the authority that vouches for its certificate."""
    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # root's nginx works as nobody
        certificate = authority.issue_cert("127.0.0.1", "live.example")
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / "pem")
        port = free_port()
        site = site.replace("listen 443", f"listen 127.0.0.1:{port}")
        site = site.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{upstream_port}")
        site = re.sub(r"/etc/ssl/[\w.]+", str(folder / "pem"), site)
        (folder / "conf").write_text(_MAIN.format(folder=folder, site=site))
        words = [NGINX, "-p", name, "-c", str(folder / "conf"), "-e", "stderr"]
        with subprocess.Popen(words) as process:
            try:
                wait_for(process, port)
                yield port, authority
            finally:
                process.terminate()
                process.wait(PATIENCE_S)


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a process listens on a port."""
    passed = stopwatch()
    while passed() < PATIENCE_S:
        assert process.poll() is None, "it did not start"
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("it never listened")
