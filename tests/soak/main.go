//go:build linux

// Soak keeps the server busy for a long time and looks whether anything of it grows, and whether anything is lost: thousands of event
// streams, open-loop sends, members that come and go, uploads, log-ins and log-outs, chat rooms, slow readers, and connections that are
// cut and resumed, all at once.
//
//	go run ./tests/soak                                # 30 minutes, 5,000 streams, 500 sends a second, on SQLite
//	go run ./tests/soak -for 1m -streams 500
//	go run ./tests/soak -database mysql://root:@127.0.0.1:3306/
//
// It builds and starts the server by itself, on the loopback address and a fresh database. It exits with 1 when anything grew, was
// lost, came twice or out of order, or was answered otherwise than it has to be. docs/performance.md says how to read the report.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"parley/tests/openfiles"
	"parley/tests/rig"
)

// options are how long, and how much.
type options struct {
	database string
	duration time.Duration
	streams  int
	rate     float64
	profiles string
}

// mysqlVariable names a MySQL server for -database mysql://…, as it does for the tests.
const mysqlVariable = "PARLEY_TEST_MYSQL_URL"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program: 0 when everything stayed level and nothing was lost, 1 otherwise, 2 for a wrong call.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := soak(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "soak:", err)
		return 1
	}
	return 0
}

func parseOptions(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.database, "database", "sqlite", "`sqlite`, mysql (the server of "+mysqlVariable+"), or the mysql:// URL of a server, on which a database is created and dropped")
	flags.DurationVar(&o.duration, "for", 30*time.Minute, "how long the load goes on, the warm-up included")
	flags.IntVar(&o.streams, "streams", 5000, "event streams")
	flags.Float64Var(&o.rate, "rate", 500, "`messages/s`, sent whether or not earlier ones are answered")
	flags.StringVar(&o.profiles, "profile", "", "a `folder` for heap profiles of the server after the warm-up and at the end")
	err := flags.Parse(args)
	if err != nil {
		return nil, err
	}
	if o.database == "mysql" {
		o.database = cmp.Or(os.Getenv(mysqlVariable), "mysql")
	}
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("%q is too much", flags.Arg(0))
	case o.streams < leastStreams || o.streams > rig.MaxStreams:
		err = fmt.Errorf("between %d and %d streams are possible", leastStreams, rig.MaxStreams)
	case o.rate <= 0 || o.duration < leastDuration:
		err = fmt.Errorf("a rate is above 0, and a time at least %v", leastDuration)
	}
	if err != nil {
		fmt.Fprintln(stderr, "soak:", err)
	}
	return o, err
}

const (
	// Groups need a few clients beside their own to come and go.
	leastStreams = 40
	// A line wants some samples.
	leastDuration = 3 * time.Second
)

// mysql is the server's URL, empty for SQLite.
func (o *options) mysql() string {
	if o.database == "sqlite" {
		return ""
	}
	return o.database
}

// soak has a folder, a server and a database for as long as the run takes.
func soak(ctx context.Context, o *options, stdout, stderr io.Writer) (err error) {
	// Both ends of a stream are open files, of two processes; callers and the database want some more.
	if err := openfiles.Allow(uint64(o.streams + 2000)); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "parley-soak-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := rig.Build(ctx, dir)
	if err != nil {
		return err
	}
	database, err := rig.NewDatabase(ctx, o.mysql(), dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Drop()) }()
	process, err := rig.Start(ctx, "the server", dir, rig.Environ(dir, database.URL), server)
	if err != nil {
		return err
	}
	what, err := database.Describe(ctx)
	if err == nil {
		fmt.Fprintf(stdout, "%d streams, %g messages/s for %v; %s\n", o.streams, o.rate, o.duration, what)
		err = newCourse(o, process, stderr).run(ctx, stdout)
	}
	return errors.Join(err, process.Stop())
}
