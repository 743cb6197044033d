package app

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"parley/models"
)

// Config is the server's configuration, one field a variable (API.md, "Configuration"); every one has a default.
type Config struct {
	Addr                 string        `env:"PARLEY_ADDR" envDefault:"127.0.0.1:8080"`
	DatabaseURL          string        `env:"PARLEY_DATABASE_URL" envDefault:"sqlite://data/parley.db"`
	BrokerURL            string        `env:"PARLEY_BROKER_URL"`
	FilesURL             string        `env:"PARLEY_FILES_URL" envDefault:"file://data/files"`
	AppID                string        `env:"PARLEY_APP_ID"`
	AppKey               string        `env:"PARLEY_APP_KEY"`
	MasterKey            string        `env:"PARLEY_MASTER_KEY"`
	SigningSecret        string        `env:"PARLEY_SIGNING_SECRET"`
	RequireSignedLogin   bool          `env:"PARLEY_REQUIRE_SIGNED_LOGIN" envDefault:"false"`
	SessionTTL           time.Duration `env:"PARLEY_SESSION_TTL" envDefault:"24h"`
	PublicURL            string        `env:"PARLEY_PUBLIC_URL"`
	Retention            time.Duration `env:"PARLEY_RETENTION" envDefault:"4320h"`
	AllowedOrigins       []string      `env:"PARLEY_ALLOWED_ORIGINS"`
	MaxMembers           int           `env:"PARLEY_MAX_MEMBERS" envDefault:"500"`
	MaxMessageBytes      int64         `env:"PARLEY_MAX_MESSAGE_BYTES" envDefault:"32768"`
	MaxFileBytes         int64         `env:"PARLEY_MAX_FILE_BYTES" envDefault:"33554432"`
	FileURLTTL           time.Duration `env:"PARLEY_FILE_URL_TTL" envDefault:"168h"`
	MaxStreamsPerClient  int           `env:"PARLEY_MAX_STREAMS_PER_CLIENT" envDefault:"10"`
	MaxStreamsPerAddress int           `env:"PARLEY_MAX_STREAMS_PER_ADDRESS" envDefault:"1000"`
	SendsPerMinute       int           `env:"PARLEY_SENDS_PER_MINUTE" envDefault:"600"`
	RequestsPerMinute    int           `env:"PARLEY_REQUESTS_PER_MINUTE" envDefault:"3000"`
	Console              bool          `env:"PARLEY_CONSOLE" envDefault:"true"`
	HideMembers          bool          `env:"PARLEY_HIDE_MEMBERS" envDefault:"false"`
	TLSCert              string        `env:"PARLEY_TLS_CERT"`
	TLSKey               string        `env:"PARLEY_TLS_KEY"`
	TrustedProxies       Networks      `env:"PARLEY_TRUSTED_PROXIES"`
	AdminAddr            string        `env:"PARLEY_ADMIN_ADDR"`
	LogLevel             slog.Level    `env:"PARLEY_LOG_LEVEL" envDefault:"info"`
	LogFormat            string        `env:"PARLEY_LOG_FORMAT" envDefault:"text"`

	SessionRequestsPerMinute  int `env:"PARLEY_SESSION_REQUESTS_PER_MINUTE" envDefault:"0"`
	AddressRequestsPerMinute  int `env:"PARLEY_ADDRESS_REQUESTS_PER_MINUTE" envDefault:"60000"`
	AppRequestsPerMinute      int `env:"PARLEY_APP_REQUESTS_PER_MINUTE" envDefault:"0"`
	LoginsPerMinute           int `env:"PARLEY_LOGINS_PER_MINUTE" envDefault:"600"`
	WrongCredentialsPerMinute int `env:"PARLEY_WRONG_CREDENTIALS_PER_MINUTE" envDefault:"120"`
	MaxConnections            int `env:"PARLEY_MAX_CONNECTIONS" envDefault:"20000"`
	MaxConnectionsPerAddress  int `env:"PARLEY_MAX_CONNECTIONS_PER_ADDRESS" envDefault:"2000"`

	// No variables: the contract fixes heartbeat, replay limit, what a query may take and the time for a header and a body, and
	// tests shorten them and the end of a stop; a test sets the clock wrong, and does not wait for what is removed now and
	// then, and counts statements. Zero: the defaults.
	Heartbeat      time.Duration    `env:"-"`
	ReplayLimit    int              `env:"-"`
	RetentionEvery time.Duration    `env:"-"`
	LeaseBeat      time.Duration    `env:"-"`
	QueryTimeLimit time.Duration    `env:"-"`
	QueryRows      int              `env:"-"`
	Clock          func() time.Time `env:"-"`
	Linger         time.Duration    `env:"-"`
	HeaderTimeout  time.Duration    `env:"-"`
	BodyTimeout    time.Duration    `env:"-"`

	Connect func(driver.Connector) driver.Connector `env:"-"`

	// Tracing comes from OpenTelemetry's own variables.
	Tracing Tracing `env:"-"`
}

// testPrefix begins variables that belong to the tests and not to the server.
const testPrefix = "PARLEY_TEST_"

// ParseConfig reads the configuration from variables in the form of os.Environ. The error is one line that names the
// variable.
func ParseConfig(environ []string) (Config, error) {
	var config Config
	variables := env.ToMap(environ)
	if err := checkNames(variables); err != nil {
		return config, err
	}
	for name, value := range variables {
		// Set to nothing, as a compose file does with what it was not given, means not set.
		if strings.HasPrefix(name, "PARLEY_") && value == "" {
			delete(variables, name)
		}
	}
	err := env.ParseWithOptions(&config, env.Options{Environment: variables})
	if aggregate, ok := errors.AsType[env.AggregateError](err); ok && len(aggregate.Errors) > 0 {
		err = aggregate.Errors[0]
	}
	if parse, ok := errors.AsType[env.ParseError](err); ok {
		return config, fmt.Errorf("%s: %q does not parse: %w", variableOf(parse.Name), variables[variableOf(parse.Name)], parse.Err)
	}
	if err != nil {
		return config, err
	}
	if config.Tracing, err = parseTracing(variables); err != nil {
		return config, err
	}
	return config, config.check()
}

// checkNames refuses PARLEY_ variables that nobody reads: most often a typing error.
func checkNames(variables map[string]string) error {
	fields := reflect.VisibleFields(reflect.TypeFor[Config]())
	var unknown []string
	for name := range variables {
		if !strings.HasPrefix(name, "PARLEY_") || strings.HasPrefix(name, testPrefix) {
			continue
		}
		if !slices.ContainsFunc(fields, func(f reflect.StructField) bool { return f.Tag.Get("env") == name }) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("%s is not a variable of this server; README.md lists them", strings.Join(unknown, ", "))
}

func variableOf(field string) string {
	f, _ := reflect.TypeFor[Config]().FieldByName(field)
	return f.Tag.Get("env")
}

// Networks is a list of addresses and of networks in CIDR form, separated by commas.
type Networks []netip.Prefix

// UnmarshalText reads the list.
func (n *Networks) UnmarshalText(text []byte) error {
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		prefix, err := netip.ParsePrefix(part)
		if address, addressErr := netip.ParseAddr(part); addressErr == nil {
			prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return err
		}
		if prefix.Addr().Is4In6() { // an IPv4 address in another spelling; callers' are in the plain one
			prefix, err = prefix.Addr().Unmap().Prefix(prefix.Bits() - 96)
			if err != nil {
				return err
			}
		}
		*n = append(*n, prefix)
	}
	return nil
}

// check tells what parses but cannot be meant.
func (c *Config) check() error {
	checks := []error{
		checkAddr("PARLEY_ADDR", c.Addr),
		checkURL("PARLEY_DATABASE_URL", c.DatabaseURL, "sqlite", "mysql"),
		least("PARLEY_SESSION_TTL", c.SessionTTL, time.Second),
		least("PARLEY_RETENTION", c.Retention, 0),
		least("PARLEY_MAX_MEMBERS", c.MaxMembers, 1),
		least("PARLEY_MAX_MESSAGE_BYTES", c.MaxMessageBytes, 1),
		least("PARLEY_MAX_FILE_BYTES", c.MaxFileBytes, 1),
		// Shorter, and a slow page finds its pictures' urls dead.
		least("PARLEY_FILE_URL_TTL", c.FileURLTTL, time.Minute),
		least("PARLEY_MAX_STREAMS_PER_CLIENT", c.MaxStreamsPerClient, 0),
		least("PARLEY_MAX_STREAMS_PER_ADDRESS", c.MaxStreamsPerAddress, 0),
		least("PARLEY_SENDS_PER_MINUTE", c.SendsPerMinute, 0),
		least("PARLEY_REQUESTS_PER_MINUTE", c.RequestsPerMinute, 0),
		least("PARLEY_SESSION_REQUESTS_PER_MINUTE", c.SessionRequestsPerMinute, 0),
		least("PARLEY_ADDRESS_REQUESTS_PER_MINUTE", c.AddressRequestsPerMinute, 0),
		least("PARLEY_APP_REQUESTS_PER_MINUTE", c.AppRequestsPerMinute, 0),
		least("PARLEY_LOGINS_PER_MINUTE", c.LoginsPerMinute, 0),
		least("PARLEY_WRONG_CREDENTIALS_PER_MINUTE", c.WrongCredentialsPerMinute, 0),
		least("PARLEY_MAX_CONNECTIONS", c.MaxConnections, 0),
		least("PARLEY_MAX_CONNECTIONS_PER_ADDRESS", c.MaxConnectionsPerAddress, 0),
	}
	if c.BrokerURL != "" {
		checks = append(checks, checkURL("PARLEY_BROKER_URL", c.BrokerURL, "nats", "tls"))
	}
	if !strings.Contains(c.FilesURL, "://") {
		checks = append(checks, errors.New("PARLEY_FILES_URL must be a URL such as file://data/files"))
	}
	if c.PublicURL != "" {
		checks = append(checks, checkURL("PARLEY_PUBLIC_URL", c.PublicURL, "http", "https"))
	}
	if c.AdminAddr != "" {
		checks = append(checks, checkAddr("PARLEY_ADMIN_ADDR", c.AdminAddr))
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		checks = append(checks, errors.New("PARLEY_TLS_CERT and PARLEY_TLS_KEY go together"))
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		checks = append(checks, fmt.Errorf("PARLEY_LOG_FORMAT must be text or json, not %q", c.LogFormat))
	}
	for _, origin := range c.AllowedOrigins {
		checks = append(checks, checkOrigin("PARLEY_ALLOWED_ORIGINS", origin))
	}
	checks = append(checks, c.checkCredentials()...)
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

// leastSecret is what HS256 asks of a key (RFC 7518, section 3.2), in bytes; a key is a password that nobody remembers.
// Shorter ones are used, with a warning. mostSecret is what the database's column holds.
const (
	leastSecret = 32
	leastKey    = 16
	mostSecret  = 255
)

// short names the variables whose key is too short to be safe against guessing.
func (c *Config) short() []string {
	var names []string
	for _, v := range []struct {
		name, value string
		least       int
	}{{"PARLEY_APP_KEY", c.AppKey, leastKey}, {"PARLEY_MASTER_KEY", c.MasterKey, leastKey}, {"PARLEY_SIGNING_SECRET", c.SigningSecret, leastSecret}} {
		if v.value != "" && len(v.value) < v.least {
			names = append(names, v.name)
		}
	}
	return names
}

func (c *Config) checkCredentials() []error {
	var checks []error
	if c.AppID != "" && !validAppID(c.AppID) {
		checks = append(checks, errors.New("PARLEY_APP_ID must be 1 to 36 letters, digits, dashes, dots or underscores"))
	}
	if len(c.SigningSecret) > mostSecret {
		checks = append(checks, fmt.Errorf("PARLEY_SIGNING_SECRET must have at most %d bytes", mostSecret))
	}
	if c.AppKey != "" && c.AppKey == c.MasterKey {
		checks = append(checks, errors.New("PARLEY_APP_KEY and PARLEY_MASTER_KEY must differ"))
	}
	return checks
}

func validAppID(id string) bool {
	return len(id) <= 36 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

func checkAddr(name, addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return fmt.Errorf("%s must be host:port, not %q", name, addr)
	}
	return nil
}

// checkURL never repeats the URL: there may be a password in it.
func checkURL(name, text string, schemes ...string) error {
	u, err := url.Parse(text)
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" && u.Path == "" {
		return fmt.Errorf("%s must be a URL that begins with %s://", name, strings.Join(schemes, ":// or "))
	}
	return nil
}

func least[T int | int64 | time.Duration](name string, value, least T) error {
	if value < least {
		return fmt.Errorf("%s must be at least %v, not %v", name, least, value)
	}
	return nil
}

func (c *Config) credentials() models.Credentials {
	return models.Credentials{AppID: c.AppID, AppKey: c.AppKey, MasterKey: c.MasterKey, SigningSecret: c.SigningSecret,
		RequireSignedLogin: c.RequireSignedLogin}
}

// Logger makes the logger that the configuration asks for, on standard error.
func (c *Config) Logger() *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}
