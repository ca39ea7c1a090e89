"""What is wrong with Kafka's settings, said before anything is tried: addresses, names, certificates.

Each check returns what is fine, in the form that clients want, or raises ValueError with a sentence that says
what to write instead. No sentence holds a value that may be a secret, and no key asks anybody for its password.
"""

import re
import ssl
from pathlib import Path
from typing import Final

PORT: Final = 9092  # Kafka's own, where none is given
PORT_MAX: Final = 65_535
TOPIC_CHARS_MAX: Final = 249  # https://kafka.apache.org/documentation/#topicconfigs
HOST: Final = re.compile(r"[A-Za-z0-9._-]+")
NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
BROKER: Final = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(.*))?")
DECRYPT: Final = (
    "is encrypted, and nobody is there to type its password: decrypt it (openssl pkey -in KEY -out NEW)"
)


class EncryptedKeyError(ssl.SSLError):
    """A private key that a password protects."""


def brokers(text: str) -> str:
    """Addresses as "host:port,host:port"."""
    if "@" in text:  # perhaps with a password, so nothing of it is quoted
        raise ValueError("holds an @: user and password go into KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
    for sign, what in ((";", "a semicolon"), ('"', "quotes"), ("'", "quotes"), ("://", "a scheme")):
        if sign in text:
            raise ValueError(
                f"holds {what}: write host:port, several separated by commas"
                + ("; KAFKA_SECURITY_PROTOCOL says how to talk to them" if sign == "://" else "")
            )
    found = [_broker(part.strip()) for part in text.split(",") if part.strip()]
    if not found:
        raise ValueError("names no broker: write host:port, several separated by commas")
    return ",".join(found)


def _broker(text: str) -> str:
    if text.count(":") > 1 and not text.startswith("["):
        raise ValueError(f"{text!r} is no host:port; an IPv6 address stands in brackets, as [::1]:{PORT}")
    match = BROKER.fullmatch(text)
    host, port = match.groups() if match else ("", None)
    inside = host.strip("[]") if host.startswith("[") else ""
    if not (HOST.fullmatch(host) or (inside and re.fullmatch(r"[0-9A-Fa-f:.]+", inside))):
        raise ValueError(f"{text!r} is no host:port; several are separated by commas")
    if port is not None and not (port.isascii() and port.isdecimal() and 1 <= int(port) <= PORT_MAX):
        raise ValueError(f"{text!r} has no port between 1 and {PORT_MAX} after its colon")
    return f"{host}:{PORT if port is None else int(port)}"


def topic(name: str) -> str:
    """The name of a topic, or another that Kafka wants to be like one."""
    if not NAME.fullmatch(name) or len(name) > TOPIC_CHARS_MAX or name in (".", ".."):
        raise ValueError(
            f"{name[:TOPIC_CHARS_MAX]!r} is no name that Kafka allows: letters, digits, dots, underscores and "
            f"hyphens, {TOPIC_CHARS_MAX} at most"
        )
    return name


def group(name: str) -> str:
    if not name.strip():
        raise ValueError("is blank: leave it out, or give the group a name")
    return name


def authorities(path: Path) -> Path:
    """A file of certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError(f"{path} holds no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__})") from None
    return path


def key_of(certificate: Path, key: Path) -> Path:
    """The private key of a certificate that `authorities` found fine."""
    try:
        _load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key)
    except EncryptedKeyError:
        raise ValueError(f"{key} {DECRYPT}") from None
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        other = "is another certificate's key than that in KAFKA_SSL_CERTFILE"
        raise ValueError(f"{key} {other if mismatch else 'holds no private key in PEM'}") from None
    except OSError as error:
        raise ValueError(f"{key} cannot be read ({type(error).__name__})") from None
    return key


def tls(authorities: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """What clients talk TLS with, read anew. OSError (ssl.SSLError is one) where a file is of no use any more."""
    context = ssl.create_default_context(cafile=authorities)
    if certificate is not None and key is not None:
        _load_pair(context, certificate, key)
    return context


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    def ask() -> str:  # else OpenSSL would ask on the terminal, and everything would wait for an answer
        raise EncryptedKeyError

    context.load_cert_chain(certificate, key, password=ask)
