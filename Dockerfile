# The service as a container. Build: docker build -t conference .   Run: see compose.yaml.

FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements.lock ./
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY service service
COPY providers providers
RUN /venv/bin/python -m compileall -q service providers

FROM python:3.11-slim-bookworm
# fonts-dejavu-core: the time code in the test pattern. redis-server: the private viewer count where no Redis is set.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg fonts-dejavu-core redis-server \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin conference \
    && install -d -o conference -g conference -m 0700 /data
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CONFERENCE_DATA_DIR=/data \
    CONFERENCE_HTTP_HOST=0.0.0.0
USER conference
VOLUME /data
# HTTP, RTMP, RTMPS
EXPOSE 8080 1935 1936
STOPSIGNAL SIGTERM
# Alive, not ready: a container whose database is away for a moment must not be restarted for it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('CONFERENCE_HTTP_PORT', '8080') + '/healthz', timeout=4).close()"]
CMD ["python", "-m", "service", "serve"]
