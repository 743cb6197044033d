# The version of go.mod: this image builds with the toolchain that it has and fetches no other.
FROM golang:1.26.8 AS build
WORKDIR /src
# The dependencies are a layer of their own, kept until go.mod changes.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# Pure Go, SQLite too: without cgo the binary is static and runs on an image that has no libc.
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/parley . && mkdir /out/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/parley /parley
# 65532 is the image's nonroot. A volume takes the owner of the folder that it is mounted on when it is new.
COPY --from=build --chown=65532:65532 /out/data /data
# The defaults write to data/ under the working directory, which is the volume.
WORKDIR /
ENV PARLEY_ADDR=0.0.0.0:8080
USER 65532:65532
VOLUME /data
EXPOSE 8080
# No HEALTHCHECK: it runs a program inside the container, and there is none here but the server, not even a shell. Ask
# from outside: GET /healthz (alive) and GET /readyz (the database answers).
ENTRYPOINT ["/parley"]
