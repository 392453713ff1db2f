# syntax=docker/dockerfile:1
# The base is an argument, so that a team can put its own hardened Python 3.11 image under Sidewatch.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
COPY requirements.lock ./
RUN python3 -m venv /opt/sidewatch \
 && /opt/sidewatch/bin/python -m pip install --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY sidecar sidecar
COPY watchers watchers
# The wheel is built here, and only here: its build backend does not reach the final image.
RUN python3 -m venv /opt/build && /opt/build/bin/python -m pip install "hatchling==1.27.0" \
 && /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
 && /opt/sidewatch/bin/python -m pip install --no-deps /tmp/wheel/*.whl \
 && /opt/sidewatch/bin/python -m pip uninstall --yes pip setuptools \
 && find /opt/sidewatch -depth \( -name tests -o -name test -o -name __pycache__ \) -type d -exec rm -rf {} + \
 && /opt/sidewatch/bin/python -m compileall -q -j 0 /opt/sidewatch/lib

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sidewatch" \
      org.opencontainers.image.description="Runtime monitor for LLM traffic: transparent proxy, watchers, drift, metrics" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/sidewatch /opt/sidewatch
ENV PATH=/opt/sidewatch/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# No shell and no curl needed: the probe is a few lines of the Python that is there.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9090/healthz', timeout=2)"]
ENTRYPOINT ["sidewatch"]
CMD ["serve", "--listen", "0.0.0.0:8080", "--admin", "0.0.0.0:9090"]
