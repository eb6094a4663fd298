# Stage one builds the wheel and installs it into a virtual environment; stage two takes only that.
FROM python:3.13-slim AS build
WORKDIR /source
RUN python -m venv /opt/switch
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY switch switch
COPY specs specs
COPY migrations migrations
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /opt/switch/bin/pip install --no-cache-dir /wheels/*.whl \
    && /opt/switch/bin/pip uninstall --yes pip

FROM python:3.13-slim
LABEL org.opencontainers.image.title="acquiring-switch" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --create-home --home-dir /var/lib/switch switch
COPY --from=build /opt/switch /opt/switch
ENV PATH=/opt/switch/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SWITCH_LOG__FORMAT=json \
    SWITCH_ADMIN__BIND=0.0.0.0:8580
USER switch
WORKDIR /var/lib/switch
VOLUME /var/lib/switch
EXPOSE 8580 8583 8584
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8580/healthz', timeout=2)"]
ENTRYPOINT ["switch"]
CMD ["serve"]
