# The base is an argument, so that a team can put its own hardened image under Sidewatch: any with glibc, python3 of 3.11 or
# newer and CA certificates; `python3 -m venv` and the network are needed by the build stage alone (BUILD_BASE).
ARG BASE=docker.io/library/python:3.11-slim-bookworm
ARG BUILD_BASE=${BASE}

FROM ${BUILD_BASE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
COPY requirements.lock requirements-build.lock ./
# The locks are complete: nothing is resolved, and nothing is taken that they have no hash of.
RUN python3 -m venv /opt/sidewatch && python3 -m venv /opt/build \
 && /opt/sidewatch/bin/python -m pip install --no-deps --require-hashes --only-binary :all: --requirement requirements.lock \
 && /opt/build/bin/python -m pip install --no-deps --require-hashes --only-binary :all: --requirement requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY image image
COPY sidecar sidecar
COPY watchers watchers
# tokenizers declares the hub client and what that needs; models are read from disk here, never from a hub. onnxruntime's
# protobuf and flatbuffers are for its conversion tools. The one figure that scipy is declared for stands in the drift
# detectors as a literal: no module of the program imports it.
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /tmp/wheel \
 && /opt/sidewatch/bin/python -m pip install --no-deps --no-index /tmp/wheel/*.whl \
 && /opt/sidewatch/bin/python -m pip uninstall --yes huggingface-hub hf-xet fsspec filelock tqdm click \
    protobuf flatbuffers scipy setuptools pip \
 && /opt/build/bin/python image/slim.py /opt/sidewatch/lib/python3.*/site-packages \
 && /opt/sidewatch/bin/sidewatch score "an image whose models do not load ends here"

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sidewatch" \
      org.opencontainers.image.description="Runtime monitor for LLM traffic: transparent proxy, watchers, drift, metrics" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/sidewatch/sidewatch" \
      org.opencontainers.image.documentation="https://github.com/sidewatch/sidewatch/blob/main/docs/kubernetes.md" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/sidewatch /opt/sidewatch
ENV PATH=/opt/sidewatch/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SIDEWATCH_LISTEN=0.0.0.0:8080 SIDEWATCH_ADMIN=0.0.0.0:9090
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# No shell and no curl needed: the probe is a line of the Python that is there.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python3", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['SIDEWATCH_ADMIN'].rpartition(':')[2]}/healthz\", timeout=2)"]
ENTRYPOINT ["sidewatch"]
CMD ["serve"]
