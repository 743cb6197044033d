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
	"time"

	"parley/models"
)

// appAction is one of what `parley app` does.
type appAction struct {
	name, usage string
	ofOne       bool // it is done to the app whose id is named
	flags       func(*flag.FlagSet, *appOrder)
	check       func(*appOrder) error // what is wrong with the call, before anything is opened
	run         func(context.Context, *models.Store, *appOrder) error
}

// appOrder is a call of an action.
type appOrder struct {
	config         Config
	stdout, stderr io.Writer
	id             string
	asJSON         bool
	given          bool // keys come from the environment
	signedLogin    *bool
	kinds          []models.KeyKind
	keep           time.Duration
	finish         bool
}

// errWrongCall says that an action was called in a way that makes no sense.
var errWrongCall = errors.New("a wrong call")

func appActions() []appAction {
	return []appAction{
		{name: "create", run: createApp, flags: createFlags, check: checkCreate, usage: "[--id ID] [--require-signed-login] [--given]\n\n" +
			"Makes an app and prints its keys, this once. With --given they are those of PARLEY_APP_KEY, PARLEY_MASTER_KEY and\n" +
			"PARLEY_SIGNING_SECRET, as far as these are set; what is not given is made up.\n"},
		{name: "list", run: listApps, usage: "\n\nLists the apps, and which of their replaced keys are still good.\n"},
		{name: "rotate-keys", run: rotateKeys, flags: rotateFlags, check: checkRotate, ofOne: true, usage: "[--app-key] [--master-key] [--signing-secret] [--keep 24h] [--given] ID\n" +
			"       parley app rotate-keys --finish [--app-key] [--master-key] [--signing-secret] ID\n\n" +
			"Replaces the named keys of an app, or all three, and prints the new ones, this once. With --given they are those of\n" +
			"PARLEY_APP_KEY, PARLEY_MASTER_KEY and PARLEY_SIGNING_SECRET. Those before stay good for as long as --keep says, or until\n" +
			"--finish; with --keep 0 they are dead at once, and those before them too. What a signing secret has signed, and the session\n" +
			"tokens and urls of files from its time, end with it. From then on the environment of the nodes changes no key of the app.\n"},
		{name: "disable", run: disableApp, ofOne: true, usage: "ID\n\n" +
			"Refuses every call for an app (403 app_disabled) and ends its streams. Nothing of it is deleted.\n"},
		{name: "enable", run: enableApp, ofOne: true, usage: "ID\n\nBrings a disabled app back, with all that it had.\n"},
		{name: "change", run: changeApp, flags: changeFlags, check: checkChange, ofOne: true, usage: "--require-signed-login=true|false ID\n\n" +
			"Changes whether an app's clients need a token signed by its own server. From then on PARLEY_REQUIRE_SIGNED_LOGIN and the\n" +
			"keys in the environment of the nodes change nothing of the app.\n"},
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
		"Every action takes --json, and then prints an object. Exit codes: 0 done; 1 failed, and nothing has been changed; 2 a\nwrong call. -h after the action tells more.\n",
		strings.Join(names, "|"))
	if len(args) > 0 && slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		return 0
	}
	return 2
}

func (a appAction) main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	order := &appOrder{stdout: stdout, stderr: stderr}
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
	err = order.carryOut(ctx, a, environ)
	if err != nil {
		fmt.Fprintf(stderr, "parley app %s: %s\n", a.name, strings.ReplaceAll(plain(err), "\n", "; "))
	}
	switch {
	case errors.Is(err, errWrongCall):
		return 2
	case err != nil:
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

// plain is an error without the code that is for programs that call the API.
func plain(err error) string {
	if e, ok := errors.AsType[*models.Error](err); ok && e.Kind != models.Unavailable {
		return e.Detail
	}
	return err.Error()
}

func (o *appOrder) carryOut(ctx context.Context, a appAction, environ []string) (err error) {
	if o.config, err = ParseConfig(environ); err != nil {
		return err
	}
	if a.check != nil {
		if err := a.check(o); err != nil {
			return fmt.Errorf("%w: %w", errWrongCall, err)
		}
	}
	if short := o.config.short(); o.given && len(short) > 0 {
		fmt.Fprintf(o.stderr, "short enough to be guessed: %s; keys should have %d characters, the signing secret %d\n", strings.Join(short, ", "), leastKey, leastSecret)
	}
	store, err := models.Open(ctx, o.config.DatabaseURL, models.Options{Logger: o.config.Logger(), Still: true})
	if err != nil {
		return fmt.Errorf("PARLEY_DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return a.run(ctx, store, o)
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

func createFlags(flags *flag.FlagSet, o *appOrder) {
	flags.StringVar(&o.id, "id", "", "")
	o.signedLogin = flags.Bool("require-signed-login", false, "")
	flags.BoolVar(&o.given, "given", false, "")
}

func checkCreate(o *appOrder) error {
	if !validAppID(o.id) {
		return errors.New("--id must be 1 to 36 letters, digits, dashes, dots or underscores")
	}
	return nil
}

func createApp(ctx context.Context, store *models.Store, o *appOrder) error {
	want := o.givenKeys()
	want.AppID, want.RequireSignedLogin = o.id, *o.signedLogin
	app, made, err := store.CreateApp(ctx, want)
	if err != nil {
		return err
	}
	keys := shownKeys(app, made)
	return o.answer(keys, fmt.Sprintf("app %s has been made\n%s", app.PublicID, keys.lines("")))
}

func disableApp(ctx context.Context, store *models.Store, o *appOrder) error {
	return o.setDisabled(ctx, store, true, "app %s is disabled: within a second every node refuses its callers and ends its streams; nothing of it is deleted\n")
}

func enableApp(ctx context.Context, store *models.Store, o *appOrder) error {
	return o.setDisabled(ctx, store, false, "app %s is enabled\n")
}

func (o *appOrder) setDisabled(ctx context.Context, store *models.Store, disabled bool, line string) error {
	app, err := store.ChangeApp(ctx, o.id, &disabled, nil)
	if err != nil {
		return err
	}
	return o.answer(shownApp(app, store.Now()), fmt.Sprintf(line, app.PublicID))
}

func changeFlags(flags *flag.FlagSet, o *appOrder) {
	flags.BoolFunc("require-signed-login", "", func(text string) error {
		required := text == "true"
		if !required && text != "false" {
			return errors.New("must be true or false")
		}
		o.signedLogin = &required
		return nil
	})
}

func checkChange(o *appOrder) error {
	if o.signedLogin == nil {
		return errors.New("say what to change")
	}
	return nil
}

func changeApp(ctx context.Context, store *models.Store, o *appOrder) error {
	app, err := store.ChangeApp(ctx, o.id, nil, o.signedLogin)
	if err != nil {
		return err
	}
	said := "does not require signed log-ins"
	if app.RequireSignedLogin {
		said = "requires signed log-ins"
	}
	return o.answer(shownApp(app, store.Now()), fmt.Sprintf("app %s %s\n", app.PublicID, said))
}
