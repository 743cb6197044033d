//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"parley/tests/rig"
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
	b := &bench{options: o, dir: dir, self: self}
	if b.server, err = rig.Build(ctx, dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
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
	d, err := rig.NewDatabase(ctx, b.mysql, b.dir)
	if err != nil {
		return text // the first workload will tell
	}
	if what, err := d.Describe(ctx); err == nil {
		text += "; " + what
	}
	if err := d.Drop(); err != nil {
		text += "; " + err.Error()
	}
	return text
}

// environ is the server's.
func (b *bench) environ(databaseURL string) []string { return rig.Environ(b.dir, databaseURL) }

// startServer starts the server on a fresh database.
func (b *bench) startServer(ctx context.Context) (*target, error) {
	d, err := rig.NewDatabase(ctx, b.mysql, b.dir)
	if err != nil {
		return nil, err
	}
	p, err := rig.Start(ctx, "the server", b.dir, b.environ(d.URL), b.server)
	if err != nil {
		return nil, errors.Join(err, d.Drop())
	}
	return &target{Process: p, database: d, api: newAPI(p.Addr)}, nil
}

// startHub starts the floor; flush says how it writes.
func (b *bench) startHub(flush string) func(ctx context.Context) (*target, error) {
	return func(ctx context.Context) (*target, error) {
		p, err := rig.Start(ctx, "the bare hub", b.dir, os.Environ(), b.self, hubCommand, flush)
		if err != nil {
			return nil, err
		}
		return &target{Process: p, api: hubAPI{}}, nil
	}
}
