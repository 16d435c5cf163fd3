# The AWS emulator in the version that the tests use (infra/local/requirements.txt). For compose.yaml.
FROM python:3.13-slim-trixie
COPY infra/local/requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --requirement /tmp/requirements.txt \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin aws \
    && install --directory --owner=aws --mode=0700 /state
USER 10001:10001
WORKDIR /state
ENV GATEWAY_PORT=4566 BIND_HOST=0.0.0.0 STATE_DIR=/state TMPDIR=/state IOT_MTLS_ENABLED=0 \
    SFTP_ENABLED=0 LOG_LEVEL=WARNING
EXPOSE 4566
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s --retries=10 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:4566/_ministack/ready')"]
ENTRYPOINT ["ministack"]
