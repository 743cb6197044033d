# The toolchain of go.mod, by which every release is built; the image fetches no other. By version and not by digest: nobody here could
# look one up.
FROM golang:1.26.11 AS build
WORKDIR /src
# The dependencies are a layer of their own, kept until go.mod changes.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# What `parley version` says: docker build --build-arg VERSION="$(git describe --tags --always)" --build-arg COMMIT="$(git rev-parse HEAD)" .
ARG VERSION=""
ARG COMMIT=""
# Pure Go, SQLite too: without cgo the binary is static and runs on an image that has no libc.
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /out/parley \
        -ldflags="-s -w -X parley/app.version=$VERSION -X parley/app.commit=$COMMIT" . \
    && go run ./docs/licences -texts >/out/NOTICES \
    && cp LICENSE /out/ \
    && mkdir -p /out/etc/ssl/certs && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
    && mkdir -m 1777 /out/tmp && mkdir /data

# Nothing but the program, the certificates that it trusts, and /tmp, where uploads to a bucket wait: no base image of others.
FROM scratch
COPY --from=build /out/ /
# 65532 is nobody else's. A volume takes the owner of the folder that it is mounted on when it is new.
COPY --from=build --chown=65532:65532 /data /data
# The defaults write to data/ under the working directory, which is the volume.
WORKDIR /
ENV PARLEY_ADDR=0.0.0.0:8080
USER 65532:65532
VOLUME /data
EXPOSE 8080
# No HEALTHCHECK: it runs a program inside the container, and there is none here but the server, not even a shell. Ask
# from outside: GET /healthz (alive) and GET /readyz (the database answers).
ENTRYPOINT ["/parley"]
