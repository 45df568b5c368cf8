# Two images from one file: `docker build --target api .` and `docker build --target worker .`
# TORCH_BACKEND=cpu builds a worker image without CUDA, a tenth in size.

FROM python:3.13-slim-bookworm AS base
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 FLIGHTLINE_HOME=/var/lib/flightline
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/flightline flightline \
    && install --directory --owner=flightline --group=flightline /var/lib/flightline

# An empty environment with uv beside it, and the wheel: neither reaches the images but by what it made.
FROM base AS build
ENV UV_LINK_MODE=copy UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv /opt/venv
COPY deploy/install deploy/install
COPY locks locks

# The page first: its packages change seldom, and what it is made of is not all that is in the wheel.
FROM build AS wheel
RUN deploy/install /opt/venv/bin/python locks/api.lock
COPY deploy/web deploy/web
COPY web/package.json web/package-lock.json web/.npmrc web/
RUN deploy/web /opt/venv/bin/python packages
COPY api api
COPY shared shared
COPY web web
RUN deploy/web /opt/venv/bin/python build
COPY pyproject.toml README.md LICENSE ./
COPY deploy/wheel_page.py deploy/wheel_page.py
COPY flightline flightline
COPY migrations migrations
COPY worker worker
RUN uv build --quiet --wheel --build-constraint locks/dev.lock --require-hashes --out-dir /dist

FROM build AS api-packages
RUN UV_COMPILE_BYTECODE=1 deploy/install /opt/venv/bin/python locks/api.lock && pip uninstall --quiet --yes uv

FROM build AS worker-packages
ARG TORCH_BACKEND=default
RUN UV_COMPILE_BYTECODE=1 deploy/install /opt/venv/bin/python locks/worker.lock && pip uninstall --quiet --yes uv

FROM base AS api
COPY --from=api-packages /opt/venv /opt/venv
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist pip install --no-cache-dir --no-deps --no-index /dist/*.whl
USER 10001:10001
WORKDIR /var/lib/flightline
EXPOSE 8470
CMD ["flightline", "api"]

FROM base AS worker
COPY --from=worker-packages /opt/venv /opt/venv
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist pip install --no-cache-dir --no-deps --no-index /dist/*.whl
USER 10001:10001
WORKDIR /var/lib/flightline
CMD ["flightline", "worker", "--device", "auto"]
