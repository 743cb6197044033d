package models

import (
	"net"
	"net/url"
	"strings"
	"testing"
)

// FuzzMySQLURL: a URL that is taken leads to one host, port, user and database, and what is wrong with one is said without its password.
func FuzzMySQLURL(f *testing.F) {
	for _, seed := range []string{"mysql://tom:PASSWORD@127.0.0.1:3306/parley", "mysql://tom:PASSWORD@h/parley?tls=true", "mysql://[::1]/p", "mysql://[::1%25eth0]:1/p", "mysql://h:/p", "mysql://h", "mysql:///p", "mysql://h/a/b",
		"mysql://t%40m:PASSWORD@h/p", "mysql://tom:PASSWORD@h/p?tls=a&tls=b", "mysql://tom:PASSWORD@h/p?allowAllFiles=true", "mysql://tom:PASSWORD@h/p?%zz", "mysql://tom:PASSWORD@h:x/p", "mysql://h/p%2Fq", "mysql://h/p?tls=true;x=y", "mysql://h/%00", "mysql://@h/p", "mysql://]/p", "mysql://tom:12/x?PASSWORD@h/p", "mysql://:PASSWORD@/p"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const password = "a-password-that-nobody-may-see"
		text = strings.ReplaceAll(text, "PASSWORD", password)
		config, err := mysqlConfig(text)
		if err != nil {
			if strings.Contains(err.Error(), password) || strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		u, err := url.Parse(text)
		if err != nil {
			t.Fatalf("%q was taken: %v", text, err)
		}
		host, port, err := net.SplitHostPort(config.Addr)
		given, _ := u.User.Password()
		if err != nil || host == "" || port == "" || host != u.Hostname() || config.User != u.User.Username() || config.Passwd != given || config.DBName == "" || strings.Contains(config.DBName, "/") {
			t.Fatalf("%q leads to %q (%v), user %q, database %q", text, config.Addr, err, config.User, config.DBName)
		}
		if config.AllowAllFiles || config.AllowCleartextPasswords || config.MultiStatements || !config.InterpolateParams {
			t.Fatalf("%q sets what it may not: %+v", text, config)
		}
	})
}
