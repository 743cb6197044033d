package app

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"parley/models"
)

// appAction is one of what `parley app` does.
type appAction struct {
	name, usage string
	ofOne       bool // it is done to the app whose id is named
	flags       func(*flag.FlagSet, *appOrder)
	run         func(context.Context, *models.Store, *appOrder) error
}

// appOrder is a call of an action.
type appOrder struct {
	config       Config
	stdout       io.Writer
	id           string
	asJSON       bool
	given        bool // keys come from the environment
	signedLogins bool
}

func appActions() []appAction {
	return []appAction{
		{name: "create", usage: "[--id ID] [--require-signed-login] [--given]\n\n" +
			"Makes an app and prints its keys, this once. With --given they are those of PARLEY_APP_KEY, PARLEY_MASTER_KEY and\n" +
			"PARLEY_SIGNING_SECRET, as far as these are set; what is not given is made up.\n",
			flags: func(f *flag.FlagSet, o *appOrder) {
				f.StringVar(&o.id, "id", "", "")
				f.BoolVar(&o.signedLogins, "require-signed-login", false, "")
				f.BoolVar(&o.given, "given", false, "")
			}, run: createApp},
	}
}

// ManageApps is the sub-command that works on the apps of the database PARLEY_DATABASE_URL while nodes run on it
// (docs/operations.md). 0: done; 1: failed, and nothing has been changed; 2: a wrong call.
func ManageApps(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	var names []string
	for _, action := range appActions() {
		if len(args) > 0 && action.name == args[0] {
			return action.main(ctx, args[1:], environ, stdout, stderr)
		}
		names = append(names, action.name)
	}
	fmt.Fprintf(stderr, "Usage: parley app %s …\n\nWorks on the apps of the database PARLEY_DATABASE_URL. Nodes may run meanwhile, and go by what it did within a second.\n"+
		"Every action takes --json and then prints an object. Exit codes: 0 done; 1 failed, and nothing has been changed; 2 a\nwrong call. -h after the action tells more.\n",
		strings.Join(names, "|"))
	if len(args) > 0 && slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		return 0
	}
	return 2
}

func (a appAction) main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	order := &appOrder{stdout: stdout}
	flags := flag.NewFlagSet("parley app "+a.name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprintf(stderr, "Usage: parley app %s [--json] %s", a.name, a.usage) }
	flags.BoolVar(&order.asJSON, "json", false, "")
	if a.flags != nil {
		a.flags(flags, order)
	}
	named, err := parseMixed(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case a.ofOne && len(named) == 1:
		order.id = named[0]
	case len(named) > 0 || a.ofOne:
		flags.Usage()
		return 2
	}
	if err := order.carryOut(ctx, a, environ); err != nil {
		fmt.Fprintf(stderr, "parley app %s: %s\n", a.name, strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

// parseMixed reads flags before and after the other arguments, and gives those.
func parseMixed(flags *flag.FlagSet, args []string) (others []string, err error) {
	for err = flags.Parse(args); err == nil && flags.NArg() > 0; err = flags.Parse(args) {
		others, args = append(others, flags.Arg(0)), flags.Args()[1:]
	}
	return others, err
}

func (o *appOrder) carryOut(ctx context.Context, a appAction, environ []string) (err error) {
	if o.config, err = ParseConfig(environ); err != nil {
		return err
	}
	store, err := models.Open(ctx, o.config.DatabaseURL, models.Options{Logger: o.config.Logger(), Still: true})
	if err != nil {
		return fmt.Errorf("PARLEY_DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return a.run(ctx, store, o)
}

// credentials are the keys that the caller gives; the others are made up.
func (o *appOrder) credentials() models.Credentials {
	want := models.Credentials{}
	if o.given {
		want = o.config.credentials()
	}
	want.AppID, want.RequireSignedLogin = o.id, o.signedLogins
	return want
}

// answer prints what was done: an object for programs, or lines.
func (o *appOrder) answer(object any, lines string) error {
	if !o.asJSON {
		_, err := io.WriteString(o.stdout, lines)
		return err
	}
	encoder := json.NewEncoder(o.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(object)
}

// madeKeys are keys that were made up: shown this once, since of most of them only a hash is kept.
type madeKeys struct {
	ID            string `json:"id"`
	AppKey        string `json:"appKey,omitempty"`
	MasterKey     string `json:"masterKey,omitempty"`
	SigningSecret string `json:"signingSecret,omitempty"`
}

func (m madeKeys) lines() string {
	lines := ""
	for _, key := range []struct{ name, value string }{
		{"app key", m.AppKey}, {"master key", m.MasterKey}, {"signing secret", m.SigningSecret}} {
		if key.value != "" {
			lines += fmt.Sprintf("app %s: its %s, shown this once: %s\n", m.ID, key.name, key.value)
		}
	}
	return lines
}

func createApp(ctx context.Context, store *models.Store, o *appOrder) error {
	if o.id != "" && !validAppID(o.id) {
		return errors.New("--id must be 1 to 36 letters, digits, dashes, dots or underscores")
	}
	app, made, err := store.CreateApp(ctx, o.credentials())
	if err != nil {
		return err
	}
	keys := madeKeys{ID: app.PublicID, AppKey: made.AppKey, MasterKey: made.MasterKey, SigningSecret: made.SigningSecret}
	return o.answer(keys, fmt.Sprintf("app %s has been made\n%s", app.PublicID, keys.lines()))
}
