"""An authority and certificates of its own, by openssl."""

import ssl
import subprocess
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*words: object) -> None:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Authority:
    """`ca` is its certificate: SSL_CERT_FILE makes a program trust it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.ca = folder / "ca.pem"
        openssl("req", "-x509", *KEY, "-keyout", folder / "ca.key", "-out", self.ca, "-days", 365, "-subj", "/CN=of the tests",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def context(self, name: str, days: int = 30) -> ssl.SSLContext:
        """A server's, with a certificate for a name: DNS:localhost, IP:127.0.0.1. No days: it is over at once."""
        stem = self.folder / name.replace(":", "-")
        request, extensions = stem.with_suffix(".csr"), stem.with_suffix(".ext")
        extensions.write_text(f"basicConstraints=critical,CA:FALSE\nsubjectAltName={name}\n")
        openssl("req", "-new", *KEY, "-keyout", stem.with_suffix(".key"), "-out", request, "-subj", "/CN=server")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                "-days", days, "-extfile", extensions, "-out", stem.with_suffix(".pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        return context
