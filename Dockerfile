# One image with both commands, `ingest` and `tagger`; docker-compose.yml shows how to run each.
# Every package is checked against its hash, nothing runs as root, and only the spool, the page's ledger and /tmp are written to.

# By version, not by digest: this tag is rebuilt with Debian's security fixes.
FROM python:3.13.16-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
# requirements-otel.txt has what traces need in addition: deploy/traces.md.
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt requirements-otel.txt requirements-build.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --require-hashes --requirement "$REQUIREMENTS" \
    && pip install --require-hashes --requirement requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY ingest ingest
COPY tagger tagger
RUN pip wheel --no-deps --no-build-isolation --wheel-dir wheel . \
    && /venv/bin/pip install --no-deps wheel/*.whl

FROM python:3.13.16-slim-trixie
# Created here so that volumes mounted on them belong to the user.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin livechat \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/spool/livechat-ingest /var/lib/livechat-page
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 TAGGER_CONFIG=/config
USER 10001:10001
# `make image` sets both arguments. https://github.com/opencontainers/image-spec/blob/main/annotations.md
ARG VERSION=local
ARG REVISION=unknown
LABEL org.opencontainers.image.title="livechat-tagger" \
      org.opencontainers.image.description="Tags LiveChat chats by the keywords and canned responses that were said in them." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
# Webhooks. On the loopback: health and metrics, port 8082 for `ingest`, 8081 for `tagger`; the page, port 8083.
EXPOSE 8080
# No HEALTHCHECK: the two commands use different ports, so define the check where you run one.
CMD ["tagger", "--help"]
