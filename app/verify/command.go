package verify

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// Exit codes of the sub-command.
const (
	exitHeld  = 0
	exitBroke = 1 // or could not be tried
	exitUsage = 2
)

// closeTimeout is for the removal of what was made, whatever state the deployment is in.
const closeTimeout = 30 * time.Second

// Main is the sub-command `parley verify`. When ctx ends it removes what it has made, and ends.
func Main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	var o options
	flags := o.flags(environ, io.Discard)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		flags.Usage()
		return exitHeld
	case err != nil:
		return wrongCall(stderr, err)
	case flags.NArg() > 0:
		return wrongCall(stderr, fmt.Errorf("%q is not an option", flags.Arg(0)))
	}
	if o.masterKey == "" { // not the flag's default, which the help would show
		o.masterKey = variable(environ, "PARLEY_MASTER_KEY")
	}
	if err := o.check(); err != nil {
		return wrongCall(stderr, err)
	}
	return run(ctx, o, stdout, stderr)
}

func wrongCall(stderr io.Writer, err error) int {
	say(stderr, fmt.Errorf("%w (parley verify -h tells more)", err))
	return exitUsage
}

// say writes an error in one line.
func say(stderr io.Writer, err error) {
	fmt.Fprintln(stderr, "parley verify:", strings.ReplaceAll(err.Error(), "\n", "; "))
}

// run tries the deployment, cleans up, and says how it went.
func run(ctx context.Context, o options, stdout, stderr io.Writer) int {
	t := newTrial(o)
	fmt.Fprintf(stdout, "%d clients send in %d conversations for %v; nodes: %s; what is made begins with %s\n",
		o.clients, o.conversations, o.duration, &o.urls, t.deployment.Name())
	err := t.run(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	left := t.close(closing)
	if left != nil {
		say(stderr, fmt.Errorf("not everything could be removed: %w", left))
	}
	if ctx.Err() != nil {
		say(stderr, errors.New("interrupted, and nothing was checked"))
		return exitBroke
	}
	if err != nil {
		say(stderr, err)
		return exitBroke
	}
	report := t.ledger.Check()
	breaches := append(report.Breaches, t.failures...)
	for _, line := range breaches {
		fmt.Fprintln(stdout, line)
	}
	fmt.Fprint(stdout, report)
	if len(breaches) > 0 {
		fmt.Fprintln(stdout, "a promise broke: see the lines above")
		return exitBroke
	}
	if left != nil {
		return exitBroke
	}
	fmt.Fprintln(stdout, "every promise held, and nothing is left behind")
	return exitHeld
}
