# The service image: API and controller. Sandboxes are containers beside it (mount the engine's socket), or bubblewrap inside it: that one
# can make no control groups here, so it is used only where UNHOBBLE_SANDBOXES says '{"bubblewrap": {"require_cgroups": false}}'.
FROM python:3.12-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap git sqlite3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 unhobble \
    && install --directory --owner unhobble /data

WORKDIR /app
COPY requirements/runtime.txt requirements/build.txt ./requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt -r requirements/runtime.txt
COPY . .
# The image has no compiler, and the keeper of Docker sandboxes is a C program.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && python -m sandboxes._docker.keeper_binary \
    && apt-get purge --yes --auto-remove gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

USER unhobble
ENV UNHOBBLE_HOST=0.0.0.0 UNHOBBLE_DATABASE_URL=sqlite:////data/unhobble.db
VOLUME /data
EXPOSE 8642
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8642/readyz', timeout=3)"]
ENTRYPOINT ["unhobble"]
CMD ["serve"]
