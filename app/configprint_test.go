package app

import (
	"bytes"
	"context"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func printed(t *testing.T, environ ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = PrintConfig(context.Background(), nil, environ, &out, &errs)
	return code, out.String(), errs.String()
}

// line finds a variable's line: its value and where that comes from.
func line(t *testing.T, output, name string) (value, source string) {
	t.Helper()
	for text := range strings.Lines(output) {
		if fields := strings.Fields(text); fields[0] == name {
			return fields[1], strings.Join(fields[2:], " ")
		}
	}
	t.Fatalf("%s is not printed in\n%s", name, output)
	return "", ""
}

func TestConfigSaysWhereValuesComeFrom(t *testing.T) {
	code, output, complaint := printed(t, "PARLEY_ADDR=0.0.0.0:80", "PARLEY_SESSION_TTL=", "PATH=/bin", "PARLEY_TLS_KEY=key.pem", "PARLEY_TLS_CERT=cert.pem")
	if code != 0 || complaint != "" {
		t.Fatalf("%d, %s", code, complaint)
	}
	for name, want := range map[string][2]string{
		"PARLEY_ADDR":        {"0.0.0.0:80", "environment"},
		"PARLEY_SESSION_TTL": {"24h", "default"},
		"PARLEY_TLS_KEY":     {"key.pem", "environment"},
		"PARLEY_BROKER_URL":  {"(empty)", "default"},
	} {
		if value, source := line(t, output, name); value != want[0] || source != want[1] {
			t.Errorf("%s is %s (%s)", name, value, source)
		}
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if name := field.Tag.Get("env"); name != "-" {
			line(t, output, name)
		}
	}
	if strings.Contains(output, "/bin") {
		t.Error("a variable that is not the server's is shown")
	}
}

func TestConfigShowsNoSecrets(t *testing.T) {
	const secret = "not-for-you"
	code, output, complaint := printed(t, "PARLEY_APP_KEY=1"+secret, "PARLEY_MASTER_KEY=2"+secret, "PARLEY_SIGNING_SECRET="+secret,
		"PARLEY_DATABASE_URL=mysql://tom:"+secret+"@db:3306/parley?tls=true", "PARLEY_BROKER_URL=nats://"+secret+"@nats:4222",
		"PARLEY_FILES_URL=s3://id:"+secret+"@bucket?region=eu&x_secret="+secret,
		"OTEL_EXPORTER_OTLP_ENDPOINT=https://tom:"+secret+"@traces:4318", "OTEL_EXPORTER_OTLP_HEADERS=authorization="+secret)
	if code != 0 || complaint != "" {
		t.Fatalf("%d, %s", code, complaint)
	}
	if strings.Contains(output, secret) {
		t.Errorf("a secret is shown:\n%s", output)
	}
	for name, want := range map[string]string{
		"PARLEY_DATABASE_URL": "mysql://tom:***@db:3306/parley?tls=true", "PARLEY_BROKER_URL": "nats://***@nats:4222",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "https://tom:***@traces:4318", "OTEL_EXPORTER_OTLP_HEADERS": "***",
		"PARLEY_FILES_URL": "s3://id:***@bucket?region=eu&x_secret=***", "PARLEY_SIGNING_SECRET": "***",
	} {
		if value, _ := line(t, output, name); value != want {
			t.Errorf("%s is shown as %s", name, value)
		}
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	for variable, want := range map[string]string{
		"PARLEY_LOG_FORMAT=xml": "PARLEY_LOG_FORMAT", "PARLEY_ADRR=:80": "PARLEY_ADRR", "PARLEY_DATABASE_URL=postgres://tom:not-for-you@h/d": "PARLEY_DATABASE_URL",
	} {
		code, output, complaint := printed(t, variable)
		if code != 1 || output != "" || !strings.Contains(complaint, want) || strings.Contains(complaint, "not-for-you") || strings.Count(complaint, "\n") != 1 {
			t.Errorf("%s: %d, %q, %q", variable, code, output, complaint)
		}
	}
	if code := PrintConfig(context.Background(), []string{"all"}, nil, &bytes.Buffer{}, &bytes.Buffer{}); code != 2 {
		t.Errorf("an argument gives %d", code)
	}
}

// A password is shown in no URL that a start would accept, nor where it was written into one as it is.
func FuzzConfigHidesPasswords(f *testing.F) {
	for _, password := range []string{"x", "p@ss", "a/b", "a:b", "?", "#", "@", "://", "%40", "a@b:c/d?e=f#g", "\n", ",nats://", "ä"} {
		f.Add(password)
	}
	f.Fuzz(func(t *testing.T, password string) {
		if strings.Contains(password, "\x00") {
			return
		}
		const mark = "n0t-f0r-y0u"
		password = mark + password + mark
		for _, variable := range []string{
			"PARLEY_DATABASE_URL=mysql://" + url.UserPassword("tom", password).String() + "@h/d", "PARLEY_DATABASE_URL=mysql://tom:" + password + "@h/d",
			"PARLEY_DATABASE_URL=mysql://tom:x@h/d?secret=" + url.QueryEscape(password), "PARLEY_BROKER_URL=nats://" + url.User(password).String() + "@h",
		} {
			if _, output, complaint := printed(t, variable); strings.Contains(output+complaint, mark) {
				t.Fatalf("%q is shown:\n%s%s", variable, output, complaint)
			}
		}
	})
}
