package app

import (
	"strings"
	"testing"

	"github.com/caarlos0/env/v11"
)

func TestTracingIsOffUnlessAsked(t *testing.T) {
	for variables, want := range map[string]Tracing{
		"": {}, "OTEL_SERVICE_NAME=chat": {}, "OTEL_TRACES_SAMPLER=always_on": {}, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc": {},
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318":                                           {On: true},
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:4318/v1/traces":                          {On: true},
		"OTEL_TRACES_EXPORTER=otlp":                                                           {On: true},
		"OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                          {On: true, GRPC: true},
		"OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf":                 {On: true},
		"OTEL_EXPORTER_OTLP_ENDPOINT=x OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc":               {On: true, GRPC: true},
		"OTEL_TRACES_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318":                 {},
		"OTEL_SDK_DISABLED=true OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318":                    {},
		"OTEL_SDK_DISABLED=false OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318":                   {On: true},
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://c:4318 OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=": {},
	} {
		config, err := ParseConfig(strings.Fields(variables))
		if err != nil || config.Tracing != want {
			t.Errorf("%s: %+v, %v", variables, config.Tracing, err)
		}
	}
	for variables, name := range map[string]string{
		"OTEL_TRACES_EXPORTER=zipkin": "OTEL_TRACES_EXPORTER", "OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=http/json": "OTEL_EXPORTER_OTLP_PROTOCOL",
	} {
		if _, err := parseTracing(env.ToMap(strings.Fields(variables))); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", variables, err)
		}
	}
}
