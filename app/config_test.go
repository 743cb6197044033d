package app

import (
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	got, err := ParseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{ // API.md, "Configuration"
		Addr: "127.0.0.1:8080", DatabaseURL: "sqlite://data/parley.db", FilesURL: "file://data/files", SessionTTL: 24 * time.Hour,
		Retention: 180 * 24 * time.Hour, MaxMembers: 500, MaxMessageBytes: 32 << 10, MaxFileBytes: 32 << 20,
		FileURLTTL:          7 * 24 * time.Hour,
		MaxStreamsPerClient: 10, MaxStreamsPerAddress: 1000, SendsPerMinute: 600, RequestsPerMinute: 3000,
		AddressRequestsPerMinute: 60000, LoginsPerMinute: 600, WrongCredentialsPerMinute: 120, MaxConnections: 20000, MaxConnectionsPerAddress: 2000, Console: true,
		LogLevel: slog.LevelInfo, LogFormat: "text",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the defaults are\n%+v, not\n%+v", got, want)
	}
}

func TestEveryVariableOfTheContractIsKnown(t *testing.T) {
	values := map[string]string{
		"PARLEY_ADDR": "[::1]:0", "PARLEY_DATABASE_URL": "mysql://tom:secret@db:3306/parley", "PARLEY_BROKER_URL": "nats://broker:4222",
		"PARLEY_FILES_URL": "s3://bucket?region=eu-central-1", "PARLEY_APP_ID": "an-app", "PARLEY_APP_KEY": "app-key-0123456789",
		"PARLEY_MASTER_KEY": "master-key-0123456789", "PARLEY_SIGNING_SECRET": "signing-secret-0123456789-0123456789",
		"PARLEY_REQUIRE_SIGNED_LOGIN": "true", "PARLEY_SESSION_TTL": "1h", "PARLEY_PUBLIC_URL": "https://chat.example.org",
		"PARLEY_RETENTION": "1h30m", "PARLEY_ALLOWED_ORIGINS": "https://a.example.org,http://b.example.org:8000", "PARLEY_MAX_MEMBERS": "2",
		"PARLEY_MAX_MESSAGE_BYTES": "1024", "PARLEY_MAX_FILE_BYTES": "1", "PARLEY_FILE_URL_TTL": "1h", "PARLEY_MAX_STREAMS_PER_CLIENT": "1", "PARLEY_MAX_STREAMS_PER_ADDRESS": "2",
		"PARLEY_SENDS_PER_MINUTE": "3", "PARLEY_REQUESTS_PER_MINUTE": "4", "PARLEY_SESSION_REQUESTS_PER_MINUTE": "5",
		"PARLEY_ADDRESS_REQUESTS_PER_MINUTE": "6", "PARLEY_APP_REQUESTS_PER_MINUTE": "7", "PARLEY_LOGINS_PER_MINUTE": "8",
		"PARLEY_WRONG_CREDENTIALS_PER_MINUTE": "9", "PARLEY_MAX_CONNECTIONS": "10", "PARLEY_MAX_CONNECTIONS_PER_ADDRESS": "11", "PARLEY_CONSOLE": "false", "PARLEY_HIDE_MEMBERS": "true",
		"PARLEY_TLS_CERT": "cert.pem", "PARLEY_TLS_KEY": "key.pem", "PARLEY_TRUSTED_PROXIES": "10.0.0.0/8,::1, 192.0.2.1",
		"PARLEY_ADMIN_ADDR": "127.0.0.1:9090", "PARLEY_LOG_LEVEL": "debug", "PARLEY_LOG_FORMAT": "json",
	}
	var environ []string
	for name, value := range values {
		environ = append(environ, name+"="+value)
	}
	got, err := ParseConfig(environ)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Addr: "[::1]:0", DatabaseURL: "mysql://tom:secret@db:3306/parley", BrokerURL: "nats://broker:4222", FilesURL: "s3://bucket?region=eu-central-1",
		AppID: "an-app", AppKey: "app-key-0123456789", MasterKey: "master-key-0123456789", SigningSecret: "signing-secret-0123456789-0123456789",
		RequireSignedLogin: true, SessionTTL: time.Hour, PublicURL: "https://chat.example.org", Retention: 90 * time.Minute,
		AllowedOrigins: []string{"https://a.example.org", "http://b.example.org:8000"}, MaxMembers: 2, MaxMessageBytes: 1024, MaxFileBytes: 1,
		FileURLTTL:          time.Hour,
		MaxStreamsPerClient: 1, MaxStreamsPerAddress: 2, SendsPerMinute: 3, RequestsPerMinute: 4, SessionRequestsPerMinute: 5,
		AddressRequestsPerMinute: 6, AppRequestsPerMinute: 7, LoginsPerMinute: 8, WrongCredentialsPerMinute: 9, MaxConnections: 10, MaxConnectionsPerAddress: 11,
		HideMembers: true, TLSCert: "cert.pem", TLSKey: "key.pem",
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("192.0.2.1/32")},
		AdminAddr:      "127.0.0.1:9090", LogLevel: slog.LevelDebug, LogFormat: "json",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, not\n%+v", got, want)
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if name := field.Tag.Get("env"); name != "-" && values[name] == "" {
			t.Errorf("%s is a variable and not tried here", name)
		}
	}
}

func TestEmptyMeansNotSet(t *testing.T) {
	var environ []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if name := field.Tag.Get("env"); name != "-" {
			environ = append(environ, name+"=")
		}
	}
	defaults, err := ParseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseConfig(environ); err != nil || !reflect.DeepEqual(got, defaults) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := ParseConfig([]string{"PARLEY_TEST_MYSQL_URL=x", "PARLEYS=x", "parley_addr=x", "PATH=/bin"}); err != nil || !reflect.DeepEqual(got, defaults) {
		t.Errorf("variables that are not the server's: %+v, %v", got, err)
	}
}

// secretVariables may hold a password or a key.
var secretVariables = []string{"PARLEY_DATABASE_URL", "PARLEY_BROKER_URL", "PARLEY_FILES_URL", "PARLEY_APP_KEY", "PARLEY_MASTER_KEY", "PARLEY_SIGNING_SECRET"}

// A configuration that is refused is refused in one line that names a variable that was set, and repeats no secret; one
// that is accepted keeps the limits.
func FuzzParseConfig(f *testing.F) {
	for name, values := range map[string][]string{
		"PARLEY_ADDR":              {":8080", "127.0.0.1:0", "nonsense", "[::1]", "a:b:c", "\n:1"},
		"PARLEY_DATABASE_URL":      {"sqlite://a.db", "mysql://tom:secret@h/d", "mysql:", "://", "%", "sqlite://\x7f"},
		"PARLEY_BROKER_URL":        {"nats://h:1", "tls://h", "http://tom:secret@h"},
		"PARLEY_FILES_URL":         {"file://x", "x", "://"},
		"PARLEY_APP_ID":            {"an-app", "an app", "ä"},
		"PARLEY_APP_KEY":           {"short", "long-enough-for-a-key"},
		"PARLEY_SIGNING_SECRET":    {"short", strings.Repeat("s", 255), strings.Repeat("s", 256)},
		"PARLEY_CONSOLE":           {"true", "1", "T", "yes", " true"},
		"PARLEY_SESSION_TTL":       {"24h", "1", "-1h", "1d", "9999999h", "1h1h"},
		"PARLEY_MAX_MEMBERS":       {"500", "1", "-1", "1e3", "0x10", "1_000", "９"},
		"PARLEY_MAX_MESSAGE_BYTES": {"32768", "1023", "9223372036854775808"},
		"PARLEY_ALLOWED_ORIGINS":   {"*", "https://a,https://b", ",", "a\nb"},
		"PARLEY_TRUSTED_PROXIES":   {"10.0.0.0/8", "::1", "::1%eth0", "10.0.0.0/33", ",", "x\ny"},
		"PARLEY_LOG_LEVEL":         {"info", "DEBUG-4", "warn+99999999999999999999", "loud", "a\nb"},
		"PARLEY_LOG_FORMAT":        {"text", "json", "x\ny"},
		"PARLEY_":                  {"", "x"},
		"PARLEY_UNKNOWN":           {"", "x"},
		"PARLEY_TEST_X":            {"x"},
		"OTHER":                    {"x"},
		"":                         {"", "x"},
	} {
		for _, value := range values {
			f.Add(name, value)
		}
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		const secret = "a-password-that-nobody-may-see"
		if strings.ContainsAny(name, "=\x00\n\r") || strings.Contains(value, "\x00") {
			return // no such variable can be set, or only by way of spite
		}
		if slices.Contains(secretVariables, name) {
			value += secret
		}
		config, err := ParseConfig([]string{name + "=" + value})
		if err == nil {
			wantWithinLimits(t, config)
			return
		}
		if !strings.Contains(err.Error(), name) || !strings.HasPrefix(name, "PARLEY_") {
			t.Fatalf("%q is not named: %v", name, err)
		}
		if strings.ContainsAny(err.Error(), "\r\n") {
			t.Fatalf("more than one line: %q", err)
		}
		if strings.Contains(err.Error(), secret) {
			t.Fatalf("a secret is shown: %v", err)
		}
	})
}

func wantWithinLimits(t *testing.T, c Config) {
	t.Helper()
	for name, ok := range map[string]bool{
		"session TTL": c.SessionTTL >= time.Second, "retention": c.Retention >= 0, "members": c.MaxMembers >= 1, "message": c.MaxMessageBytes >= 1,
		"file": c.MaxFileBytes >= 1, "streams": c.MaxStreamsPerClient >= 0 && c.MaxStreamsPerAddress >= 0,
		"rates": c.SendsPerMinute >= 0 && c.RequestsPerMinute >= 0, "secret": len(c.SigningSecret) <= 255, "app id": len(c.AppID) <= 36,
	} {
		if !ok {
			t.Fatalf("%s: %+v", name, c)
		}
	}
	if c.Logger() == nil {
		t.Fatal("no logger")
	}
}

func TestUnknownVariablesAreAllNamed(t *testing.T) {
	names := map[string]bool{"PARLEY_ADRR": true, "PARLEY_": true, "PARLEY_addr": true}
	var environ []string
	for name := range names {
		environ = append(environ, name+"=x")
	}
	_, err := ParseConfig(environ)
	for name := range maps.Keys(names) {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

// TestOriginsThatNoBrowserSends: such an entry would never match, and nobody would be told.
func TestOriginsThatNoBrowserSends(t *testing.T) {
	for _, origin := range []string{"https://chat.example.org/", "https://chat.example.org/app", "https://Chat.example.org", "HTTPS://chat.example.org", "https://chat.example.org:443",
		"http://chat.example.org:80", "https://*.example.org", "https://chat?.example.org", "https://tom@chat.example.org", "https://münchen.example", "https://", "https://:80",
		"null", "chat.example.org", "ftp://chat.example.org", " https://chat.example.org", "https://chat.example.org?x", "https://chat.example.org#x", ""} {
		_, err := ParseConfig([]string{"PARLEY_ALLOWED_ORIGINS=https://a.example.org," + origin + ",https://b.example.org"})
		if err == nil || !strings.Contains(err.Error(), "PARLEY_ALLOWED_ORIGINS") {
			t.Errorf("%q: %v", origin, err)
		}
	}
	for _, origin := range []string{"*", "https://chat.example.org", "http://localhost:3000", "http://[::1]:8080", "https://chat.example.org:80", "https://xn--mnchen-3ya.example"} {
		if _, err := ParseConfig([]string{"PARLEY_ALLOWED_ORIGINS=" + origin}); err != nil {
			t.Errorf("%q: %v", origin, err)
		}
	}
}

func TestShortKeysAreWarnedOf(t *testing.T) {
	long := strings.Repeat("x", 32)
	config, err := ParseConfig([]string{"PARLEY_APP_KEY=" + long, "PARLEY_MASTER_KEY=m", "PARLEY_SIGNING_SECRET=" + long[:31]})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := config.short(), []string{"PARLEY_MASTER_KEY", "PARLEY_SIGNING_SECRET"}; !slices.Equal(got, want) {
		t.Errorf("warned of %v, not %v", got, want)
	}
}
