//go:build linux

// Load measures the server under load: deliveries to many streams and to a crowded chat room, durable messages between pairs, the memory of idle
// streams, the latency of a lone send, of pages of history, of lists and of new conversations, what slow connections cost others, the reading of a whole log. Each workload runs beside a bare floor in the same run (a hub that stores and
// checks nothing, a bare INSERT), because only the ratio to it means the same on every machine.
//
//	go run ./tests/load                                        # everything, on SQLite
//	go run ./tests/load -mysql mysql://root:@127.0.0.1:3306/ pairs
//	go run ./tests/load growth -mysql mysql://root:@127.0.0.1:3306/ -out docs   # how it grows, on both
//
// It builds and starts the server by itself, on the loopback address and a fresh database. It exits with 1 on any error, a
// message that was lost or came twice included. docs/performance.md has the figures and what they mean.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"parley/tests/openfiles"
	"parley/tests/rig"
)

// options are the sizes of the workloads; the defaults are what docs/performance.md reports.
type options struct {
	mysql       string
	nats        string
	rounds      int
	warmUp      time.Duration
	duration    time.Duration
	bytes       int
	streams     int
	crowd       int
	window      int
	clients     int
	outstanding int
	rate        float64
	roomRate    float64
	nodesRate   float64
	idle        int
	settle      time.Duration
	sends       int
	slow        int
	messages    int
	gap         int
	calls       int
	own         int
	profile     string
	workloads   []string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == hubCommand {
		os.Exit(runHub(os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: 0 when every workload ran and no message was lost or doubled, 1 otherwise, 2 for a wrong call.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == growthCommand {
		return runGrowth(args[1:], stdout, stderr)
	}
	o, err := parseOptions(args, stderr)
	if err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measureAll(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return 1
	}
	return 0
}

func parseOptions(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: go run ./tests/load [flags] [%s]...\nWithout a workload all of them run.\n", strings.Join(workloadNames, "|"))
		flags.PrintDefaults()
	}
	flags.StringVar(&o.mysql, "mysql", "", "a `mysql://` server URL on which a database is created and dropped; default: SQLite in a temporary folder")
	flags.StringVar(&o.nats, "nats", "", "nodes: the `nats://` URL of a broker on this machine")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds of every workload; the table shows medians")
	flags.DurationVar(&o.warmUp, "warmup", time.Second, "load before the measured time (fanout, room, pairs)")
	flags.DurationVar(&o.duration, "time", 5*time.Second, "measured time (fanout, room, pairs)")
	flags.IntVar(&o.bytes, "bytes", 200, "length of a message's text")
	flags.IntVar(&o.streams, "streams", 1000, "fanout: streams in the one conversation")
	flags.IntVar(&o.crowd, "crowd", 10000, "room: streams in the one chat room")
	flags.IntVar(&o.window, "window", 16, "fanout, room: messages sent and not yet received by all")
	flags.IntVar(&o.clients, "clients", 1000, "pairs: clients, two a conversation")
	flags.IntVar(&o.outstanding, "outstanding", 64, "pairs: sends that wait for their answer at once")
	flags.Float64Var(&o.rate, "rate", 5000, "pairs: `messages/s` of the second part, sent whether or not earlier ones are answered; latency counts from when each was due")
	flags.Float64Var(&o.nodesRate, "nodesrate", 2000, "nodes: `messages/s` of the second part, likewise")
	flags.Float64Var(&o.roomRate, "roomrate", 20, "room: `messages/s` of the first part, likewise")
	flags.IntVar(&o.idle, "idle", 10000, "idle: streams")
	flags.DurationVar(&o.settle, "settle", 16*time.Second, "idle: wait before the memory is read; from 15 s on every stream must have had a heartbeat")
	flags.IntVar(&o.sends, "sends", 2000, "send: messages, one after the other")
	flags.IntVar(&o.slow, "slow", 2000, "slow: connections that send a byte a second")
	flags.IntVar(&o.messages, "messages", 1_000_000, "history, sync: messages in the log")
	flags.IntVar(&o.gap, "gap", 100_000, "replay: messages missed")
	flags.IntVar(&o.calls, "calls", 500, "history, create, list: calls one after the other (history: at each depth)")
	flags.IntVar(&o.own, "own", 1000, "list: conversations of the client")
	flags.StringVar(&o.profile, "profile", "", "a `folder` for CPU profiles of the server in the measured time (fanout, room, pairs, replay, sync) and its heap (idle)")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if o.workloads = flags.Args(); len(o.workloads) == 0 {
		o.workloads = slices.DeleteFunc(slices.Clone(workloadNames), func(name string) bool { return name == nodesName && !o.mayCluster() })
	}
	err := o.check()
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
	}
	return o, err
}

func (o *options) check() error {
	for _, name := range o.workloads {
		if !slices.Contains(workloadNames, name) {
			return fmt.Errorf("%q is no workload; there are %s", name, strings.Join(workloadNames, ", "))
		}
	}
	if slices.Contains(o.workloads, nodesName) && !o.mayCluster() {
		return fmt.Errorf("%s wants -mysql and -nats", nodesName)
	}
	if o.rounds < 1 || o.duration <= 0 || o.window < 1 || o.outstanding < 1 || o.sends < 1 || o.calls < 1 || o.gap < 1 || o.own < 1 || o.rate <= 0 || o.roomRate <= 0 || o.nodesRate <= 0 || o.warmUp < 0 || o.settle < 0 {
		return fmt.Errorf("a count or a time is too small")
	}
	if o.messages < leastMessages {
		return fmt.Errorf("a log to be read has %d messages or more", leastMessages)
	}
	if o.streams < 1 || o.streams >= rig.MaxStreams || o.crowd < 1 || o.crowd > rig.MaxStreams || o.idle < 1 || o.idle > rig.MaxStreams || o.slow < 1 || o.slow > rig.MaxStreams || o.clients < 2 || o.clients > rig.MaxStreams {
		return fmt.Errorf("between 1 and %d streams and 2 and %d clients are possible", rig.MaxStreams, rig.MaxStreams)
	}
	if o.bytes < stampDigits || o.bytes > maxText {
		return fmt.Errorf("a text has %d to %d bytes: it begins with the time of its sending", stampDigits, maxText)
	}
	return nil
}

// mayCluster: several nodes need a database that they share, and a broker.
func (o *options) mayCluster() bool { return o.mysql != "" && o.nats != "" }

// leastMessages: its last pages are full.
const leastMessages = 5000

// maxText keeps an answer under the 2 KB up to which net/http gives its length.
const maxText = 1500

// subjectTimeout ends a measurement that hangs; the longest takes half of it.
const subjectTimeout = 2 * time.Minute

func measureAll(ctx context.Context, o *options, stdout, stderr io.Writer) error {
	if err := openfiles.Allow(uint64(max(o.streams, o.crowd, o.idle, o.clients, o.slow) + 1000)); err != nil {
		return err
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	fmt.Fprintf(stdout, "%s\n", b.machine(ctx))
	for _, name := range o.workloads {
		w := b.workload(name)
		rows, err := w.measure(ctx, o.rounds, func(what string) { fmt.Fprintf(stderr, "load: %s: %s\n", name, what) })
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(stdout, "\n%s\n\n%s%s", w.title, table(w, rows), aims(w, rows))
	}
	return nil
}
