# The image of taskvec, one static program, for pods and for `docker run`. Build it in this folder:
#   docker build -t taskvec .
# It needs no network (but for `fetch`), no writable root and no privileges. Mount an experiment and a workspace:
#   mkdir -p runs && docker run --rm --user "$(id -u):$(id -g)" -v "$PWD/configs:/configs:ro" -v "$PWD/runs:/runs" taskvec --config /configs/quickstart.yaml
ARG GO=docker.io/library/golang:1.26
FROM ${GO} AS build
ENV PATH=/usr/local/go/bin:$PATH CGO_ENABLED=0
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN mkdir -p -m 1777 /image/tmp \
    && mkdir -p /image/etc/ssl/certs \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && go build -trimpath -ldflags="-s -w" -o /image/taskvec ./stages

FROM scratch
COPY --from=build /image/ /
USER 1000:1000
ENTRYPOINT ["/taskvec"]
