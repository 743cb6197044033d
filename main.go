// Parley is an instant-messaging server: one-to-one chats, groups, chat rooms and system notices over a REST API, live
// events over server-sent events, history in MySQL or SQLite.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"parley/app"
	"parley/app/verify"
)

//	@title			Parley
//	@version		1.0
//	@description	Instant messaging: one-to-one chats and groups over plain REST, live events over server-sent events. Times are RFC 3339 in UTC with milliseconds; ids are opaque strings; a message's id is its position in the app's log. Errors are application/problem+json (RFC 9457) with a stable `code`; 429 says in `Retry-After` when to come back, and in `RateLimit` and `RateLimit-Policy` which limit it was. Every call for an app that has been disabled is answered 403 `app_disabled`.
//	@contact.name	The Parley maintainers
//	@contact.url	http://127.0.0.1:8080/docs/
//	@license.name	MIT
//	@license.url	https://opensource.org/license/mit
//	@host			127.0.0.1:8080
//	@schemes		http https

//	@tag.name					sessions
//	@tag.description			Logging in and out: the guide's createIMClient, open and close.
//	@tag.name					clients
//	@tag.description			Who is there, and ending their sessions.
//	@tag.name					conversations
//	@tag.description			The channels between clients.
//	@tag.name					members
//	@tag.description			Who is inside a conversation.
//	@tag.name					messages
//	@tag.description			Sending, and the history.
//	@tag.name					files
//	@tag.description			What media messages name: uploads, and links to what lives elsewhere.
//	@tag.name					stream
//	@tag.description			Live events.
//	@tag.name					operations
//	@tag.description			For whoever runs the server.

//	@securityDefinitions.apikey	BearerToken
//	@in							header
//	@name						Authorization
//	@description				A session token, or a token signed by the app's own server, as "Bearer …".
//	@securityDefinitions.apikey	StreamToken
//	@in							query
//	@name						access_token
//	@description				The same token where a native EventSource cannot set a header.
//	@securityDefinitions.apikey	StreamTicket
//	@in							query
//	@name						ticket
//	@description				A ticket for one stream (createStreamTicket), in place of a token in a URL.
//	@securityDefinitions.basic	AppCredentials

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// command is a sub-command. It stops when ctx ends.
type command struct {
	name, about string
	run         func(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int
}

func commands() []command {
	return []command{
		{"verify", "try a running deployment from outside: is anything lost, doubled or out of order?", verify.Main},
		{"config", "print the configuration without its secrets, and where each value comes from", app.PrintConfig},
		{"after-restore", "make a database that was restored from a backup fit to be used again", app.AfterRestore},
		{"app", "make, list, disable and enable apps, and replace their keys, while nodes run", app.ManageApps},
		{"export", "write an app into a file, or go on with one", app.Export},
		{"import", "read what export has written into a database", app.Import},
		{"version", "print the version, the commit and the version of Go that this program was built from", app.Version},
	}
}

// run is the program: 0 after a stop that was asked for, 1 when it could not start or go on, 2 for a wrong call. The
// exit codes of a sub-command are its own.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		return serve(stdout, stderr)
	}
	var names []string
	for _, c := range commands() {
		if c.name == args[0] {
			return c.runUntilSignal(args[1:], stdout, stderr)
		}
		names = append(names, c.name)
	}
	if slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		usage(stdout)
		return 0
	}
	fmt.Fprintf(stderr, "parley: %q is no sub-command; without one the server starts, and there are: %s (parley -h tells more)\n",
		args[0], strings.Join(names, ", "))
	return 2
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Usage: parley starts the server, configured by PARLEY_ variables (README.md); parley <sub-command> -h tells more of\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  parley %s\t%s\n", c.name, c.about)
	}
}

func (c command) runUntilSignal(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends at once
	return c.run(ctx, args, os.Environ(), stdout, stderr)
}

// serve runs the server until a signal.
func serve(stdout, stderr io.Writer) int {
	config, err := app.ParseConfig(os.Environ())
	if err != nil {
		return fail(stderr, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logger := config.Logger()
	server, err := app.Start(ctx, config, logger)
	if err != nil {
		return fail(stderr, err)
	}
	if err := server.Greet(stdout); err != nil {
		logger.Warn("the greeting could not be printed", "error", err)
	}
	var failure error
	select {
	case <-ctx.Done():
		logger.Info("stopping")
	case failure = <-server.Failed():
	}
	stop() // a second signal ends at once
	if err := server.Stop(); failure == nil {
		failure = err
	}
	if failure != nil {
		return fail(stderr, failure)
	}
	return 0
}

// fail says in one line why the server ends.
func fail(stderr io.Writer, err error) int {
	fmt.Fprintln(stderr, "parley:", strings.ReplaceAll(err.Error(), "\n", "; "))
	return 1
}
