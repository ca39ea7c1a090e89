"""What is wrong with Kafka's settings, reported before anything is tried: addresses, names, certificates.

Each check returns a valid value in the form that clients want, or raises ValueError with a sentence that says what
to write instead. No sentence holds a value that may be a secret, and no key makes OpenSSL ask for its password.
"""

import re
import ssl
from pathlib import Path
from typing import Final

PORT: Final = 9092  # Kafka's own, where none is given
PORT_MAX: Final = 65_535
TOPIC_CHARS_MAX: Final = 249  # https://kafka.apache.org/documentation/#topicconfigs
NAME: Final = re.compile(r"[A-Za-z0-9._-]+")  # of a host or a topic
BROKER: Final = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(.*))?")


class EncryptedKeyError(ssl.SSLError):
    """A private key that a password protects."""


def brokers(text: str) -> str:
    """Addresses as "host:port,host:port"."""
    if "@" in text:  # perhaps with a password, so nothing of it is quoted
        raise ValueError("contains an @: set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD instead")
    scheme = "a scheme (KAFKA_SECURITY_PROTOCOL says how to connect)"
    for sign, what in ((";", "a semicolon"), ('"', "quotes"), ("'", "quotes"), ("://", scheme)):
        if sign in text:
            raise ValueError(f"contains {what}: write host:port, several separated by commas")
    found = [_broker(part.strip()) for part in text.split(",") if part.strip()]
    if not found:
        raise ValueError("names no broker: write host:port, several separated by commas")
    return ",".join(found)


def _broker(text: str) -> str:
    if text.count(":") > 1 and not text.startswith("["):
        raise ValueError(f"{text!r} is not host:port; an IPv6 address needs brackets: [::1]:{PORT}")
    match = BROKER.fullmatch(text)
    host, port = match.groups() if match else ("", None)
    inside = host.strip("[]") if host.startswith("[") else ""
    if not (NAME.fullmatch(host) or (inside and re.fullmatch(r"[0-9A-Fa-f:.]+", inside))):
        raise ValueError(f"{text!r} is not host:port; separate several by commas")
    if port is not None and not (port.isascii() and port.isdecimal() and 1 <= int(port) <= PORT_MAX):
        raise ValueError(f"{text!r} needs a port between 1 and {PORT_MAX} after the colon")
    return f"{host}:{PORT if port is None else int(port)}"


def topic(name: str) -> str:
    """The name of a topic, or another one under the same rules."""
    if not NAME.fullmatch(name) or len(name) > TOPIC_CHARS_MAX or name in (".", ".."):
        raise ValueError(
            f"{name[:TOPIC_CHARS_MAX]!r} is not a valid name in Kafka: use letters, digits, dots, underscores and "
            f"hyphens, {TOPIC_CHARS_MAX} at most"
        )
    return name


def group(name: str) -> str:
    """The name of a consumer group."""
    if not name.strip():
        raise ValueError("is blank: leave it out, or give the group a name")
    return name


def authorities(path: Path) -> Path:
    """A file of certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError(f"{path} contains no PEM certificate") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__})") from None
    return path


def key_of(certificate: Path, key: Path) -> Path:
    """The private key of a certificate that passed `authorities`."""
    try:
        _load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key)
    except EncryptedKeyError:
        raise ValueError(f"{key} is encrypted: decrypt it (openssl pkey -in KEY -out NEW)") from None
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        wrong = "is not the key of KAFKA_SSL_CERTFILE" if mismatch else "contains no PEM private key"
        raise ValueError(f"{key} {wrong}") from None
    except OSError as error:
        raise ValueError(f"{key} cannot be read ({type(error).__name__})") from None
    return key


def tls(authorities: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """A client's TLS context, from the files as they are now. Raises OSError (ssl.SSLError is one) if one is unusable."""
    context = ssl.create_default_context(cafile=authorities)
    if certificate is not None and key is not None:
        _load_pair(context, certificate, key)
    return context


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    def ask() -> str:  # OpenSSL would ask on the terminal, and everything would wait
        raise EncryptedKeyError

    context.load_cert_chain(certificate, key, password=ask)
