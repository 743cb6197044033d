//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// The app of every server under load.
const (
	appID         = "load"
	appKey        = "load-app-key-0123456789"
	masterKey     = "load-master-key-0123456789"
	signingSecret = "load-signing-secret-0123456789-0123456789"
)

// bench is one run of the program.
type bench struct {
	*options
	dir    string // removed at the end
	server string // the built server
	self   string // this program, which is also the bare hub
}

func newBench(ctx context.Context, o *options) (*bench, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "parley-load-")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, dir: dir, server: filepath.Join(dir, "parley"), self: self}
	build := exec.CommandContext(ctx, "go", "build", "-o", b.server, "parley")
	if said, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("building the server: %w: %s", err, said), os.RemoveAll(dir))
	}
	if o.profile != "" {
		if o.profile, err = filepath.Abs(o.profile); err == nil {
			err = os.MkdirAll(o.profile, 0o750)
		}
	}
	return b, err
}

// machine says on what the figures were made.
func (b *bench) machine(ctx context.Context) string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease") // only shown
	text := fmt.Sprintf("%d cores shared by server, database and load; Linux %s, %s", runtime.NumCPU(), bytes.TrimSpace(release), runtime.Version())
	d, err := newDatabase(ctx, b.options, b.dir)
	if err != nil {
		return text // the first workload will tell
	}
	if what, err := d.describe(ctx); err == nil {
		text += "; " + what
	}
	if err := d.drop(); err != nil {
		text += "; " + err.Error()
	}
	return text
}

// environ is the server's: nothing of the caller's configuration, no limit that the load would run into.
func (b *bench) environ(databaseURL string) []string {
	var environ []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PARLEY_") {
			environ = append(environ, variable)
		}
	}
	return append(environ, "PARLEY_ADDR=127.0.0.1:0", "PARLEY_DATABASE_URL="+databaseURL, "PARLEY_ADMIN_ADDR=127.0.0.1:0",
		"PARLEY_FILES_URL=file://"+filepath.Join(b.dir, "files"), "PARLEY_LOG_LEVEL=warn",
		"PARLEY_APP_ID="+appID, "PARLEY_APP_KEY="+appKey, "PARLEY_MASTER_KEY="+masterKey, "PARLEY_SIGNING_SECRET="+signingSecret,
		"PARLEY_MAX_STREAMS_PER_CLIENT=0", "PARLEY_MAX_STREAMS_PER_ADDRESS=0", "PARLEY_SENDS_PER_MINUTE=0",
		"PARLEY_REQUESTS_PER_MINUTE=0", "PARLEY_ADDRESS_REQUESTS_PER_MINUTE=0", "PARLEY_LOGINS_PER_MINUTE=0",
		"PARLEY_MAX_CONNECTIONS=0", "PARLEY_MAX_CONNECTIONS_PER_ADDRESS=0", fmt.Sprintf("PARLEY_MAX_MEMBERS=%d", 2*maxStreams))
}

// startServer starts the server on a fresh database.
func (b *bench) startServer(ctx context.Context) (*target, error) {
	d, err := newDatabase(ctx, b.options, b.dir)
	if err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, "the server", b.dir, b.environ(d.url), b.server)
	if err != nil {
		return nil, errors.Join(err, d.drop())
	}
	return &target{process: p, database: d, api: newAPI(p.addr)}, nil
}

// startHub starts the floor; flush says how it writes.
func (b *bench) startHub(flush string) func(ctx context.Context) (*target, error) {
	return func(ctx context.Context) (*target, error) {
		p, err := startProcess(ctx, "the bare hub", b.dir, os.Environ(), b.self, hubCommand, flush)
		if err != nil {
			return nil, err
		}
		return &target{process: p, api: hubAPI{}}, nil
	}
}
