# ecs-queue-controller: `ecsq run` as PID 1, non-root, on a root filesystem that may be read-only.
#
#   docker build -t ecs-queue-controller .                            the controller (the default target)
#   docker build -t ecs-queue-controller:sandbox --target sandbox .   with the embedded AWS, for docker-compose.yml
#
# Every package locked in locks/ has wheels for this Python on amd64 and arm64, so nothing is compiled here.
# A tag moves when the image is rebuilt for security fixes, and a rebuild here picks those up. Where builds have to be
# reproducible, pin the digest as well: --build-arg PYTHON_IMAGE=python:3.13-slim-trixie@sha256:...
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS python
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

# The project's wheel. The build backend is locked too, and stays behind in this stage.
FROM python AS wheel
WORKDIR /src
COPY locks/build.txt locks/build.txt
RUN python -m venv /opt/build \
 && /opt/build/bin/python -m pip install --require-hashes --only-binary :all: -r locks/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY controller/ controller/
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /dist .

# Dependencies before the project, so that an edit of the code does not install them again.
# --without-pip: what runs in the end cannot install anything into itself.
FROM python AS controller-venv
COPY locks/run.txt /locks/run.txt
RUN python -m venv --without-pip /opt/ecsq \
 && python -m pip --python /opt/ecsq/bin/python install --require-hashes --only-binary :all: -r /locks/run.txt
COPY --from=wheel /dist/ /dist/
RUN python -m pip --python /opt/ecsq/bin/python install --no-deps --no-index /dist/*.whl

FROM controller-venv AS sandbox-venv
COPY locks/sandbox.txt /locks/sandbox.txt
RUN python -m pip --python /opt/ecsq/bin/python install --require-hashes --only-binary :all: -r /locks/sandbox.txt

FROM python AS runtime
# A fixed, numeric id, as Kubernetes' runAsNonRoot asks for one.
RUN groupadd --gid 10001 ecsq \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ecsq
# No bytecode is written: the root filesystem may be read-only, and pip has compiled everything at build time.
# Two heaps for all threads, instead of eight a core: a few megabytes, at no cost that could be measured.
ENV MALLOC_ARENA_MAX=2 \
    PATH=/opt/ecsq/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ECSQ_CONFIG=/config/config.yaml
USER 10001:10001
WORKDIR /
EXPOSE 8080
# No curl in the image, so Python asks. http.client rather than urllib: it never goes through a proxy of the environment.
# Exit 1 when nothing listens, when no answer comes within 3 s, and on any status but 200.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=3); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
# Exec form: no shell stands between PID 1 and SIGTERM (finish the call in flight, exit 0) or SIGHUP (reload).
STOPSIGNAL SIGTERM
ENTRYPOINT ["ecsq"]
CMD ["run"]

# Last in the stage: what changes with each build invalidates no layer above it.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ecs-queue-controller" \
      org.opencontainers.image.description="Runs queue work on Amazon ECS: watches SQS queues, launches worker tasks, never stops one." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM runtime AS sandbox
COPY --from=sandbox-venv /opt/ecsq /opt/ecsq

FROM runtime AS controller
COPY --from=controller-venv /opt/ecsq /opt/ecsq
