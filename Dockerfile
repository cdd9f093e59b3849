# `docker build .` - or, from images of your own registry or pinned to a digest:
# `docker build --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:… .`
ARG NODE_IMAGE=node:24-bookworm-slim
# What the Node image above is made of: the same system without npm, yarn and headers.
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/prune-packages.mjs scripts/
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund
RUN node scripts/prune-packages.mjs node_modules

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="fullscript-connect" \
      org.opencontainers.image.description="OAuth 2.0 sign-in with Fullscript for Express" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
WORKDIR /app
# Where the time of the build is given, the new account is of that day and not of today.
ARG SOURCE_DATE_EPOCH
# /data is the only place that is written to: journal, and secrets that were made for development.
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --no-log-init --no-create-home node \
 && mkdir /data && chown node:node /data
COPY --from=build /usr/local/bin/node /usr/local/bin/
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
COPY views views
COPY public public
# By number, so that Kubernetes can see that it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself is the first process: it handles SIGTERM and ends with 0.
CMD ["node", "--enable-source-maps", "dist/main.js"]
