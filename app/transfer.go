package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"parley/models"
)

// Export is the sub-command that writes an app of the database PARLEY_DATABASE_URL into a file, or goes on with one
// (docs/operations.md). 0: done; 1: failed; 2: a wrong call.
func Export(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	t := transfer{name: "export", environ: environ, stdout: stdout, stderr: stderr,
		usage: "Usage: parley export [--app ID] FILE\n\nWrites an app of the database PARLEY_DATABASE_URL into FILE, as lines of JSON. Where FILE holds an export of the app,\n" +
			"whole or cut off, what is missing is added. Nodes may run meanwhile.\n"}
	return t.main(ctx, args, func(file string) (*os.File, error) { return os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600) }, t.export)
}

// Import is the sub-command that reads what Export has written into the database PARLEY_DATABASE_URL.
func Import(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	t := transfer{name: "import", environ: environ, stdout: stdout, stderr: stderr,
		usage: "Usage: parley import [--app ID] FILE\n\nReads an export into the database PARLEY_DATABASE_URL, while no node runs on it: into the app ID, which is made when it is\n" +
			"not there, with the keys of PARLEY_APP_KEY and so on. The app's log has to be empty, or a beginning of the export: what is\n" +
			"missing is added then. One that was cut off is begun again, and goes on.\n"}
	return t.main(ctx, args, os.Open, t.importFile)
}

// transfer is a run of one of the two.
type transfer struct {
	name, usage    string
	environ        []string
	stdout, stderr io.Writer
	config         Config
	store          *models.Store
	bar            *progress
}

func (t *transfer) main(ctx context.Context, args []string, open func(string) (*os.File, error), do func(context.Context, *os.File, models.Progress) error) int {
	flags := flag.NewFlagSet("parley "+t.name, flag.ContinueOnError)
	flags.SetOutput(t.stderr)
	flags.Usage = func() { fmt.Fprint(t.stderr, t.usage) }
	app := flags.String("app", "", "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() != 1:
		flags.Usage()
		return 2
	}
	if err := t.run(ctx, *app, flags.Arg(0), open, do); err != nil {
		fmt.Fprintf(t.stderr, "parley %s: %s\n", t.name, strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

func (t *transfer) run(ctx context.Context, app, path string, open func(string) (*os.File, error), do func(context.Context, *os.File, models.Progress) error) (err error) {
	if t.config, err = ParseConfig(t.environ); err != nil {
		return err
	}
	if app != "" {
		if !validAppID(app) {
			return errors.New("--app must be 1 to 36 letters, digits, dashes, dots or underscores")
		}
		t.config.AppID = app
	}
	file, err := open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	t.store, err = models.Open(ctx, t.config.DatabaseURL, models.Options{Logger: t.config.Logger(), Still: true})
	if err != nil {
		return fmt.Errorf("PARLEY_DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, t.store.Close()) }()
	t.bar = newProgress(t.stderr)
	defer t.bar.end()
	return do(ctx, file, t.bar.tell)
}

func (t *transfer) export(ctx context.Context, file *os.File, tell models.Progress) error {
	app, err := t.store.OnlyApp(ctx, t.config.AppID)
	if err != nil {
		return err
	}
	if app == nil { // a typing error must not pass for an export
		return errors.New("there is no such app in this database")
	}
	done, err := t.store.Export(ctx, app, file, tell)
	t.bar.end()
	if err != nil {
		return err
	}
	if done.Lines == 0 {
		_, err = fmt.Fprintf(t.stdout, "app %s: the file has all up to position %d, and nothing has come since\n", app.PublicID, done.To)
		return err
	}
	_, err = fmt.Fprintf(t.stdout, "app %s: exported what lies between the positions %d and %d, %d lines; the bytes of files are in the folder %d of the store of the files\n",
		app.PublicID, done.From, done.To, done.Lines, app.ID)
	return err
}

func (t *transfer) importFile(ctx context.Context, file *os.File, tell models.Progress) error {
	app, err := t.store.OnlyApp(ctx, t.config.AppID)
	if err != nil {
		return err
	}
	load, err := t.store.OpenImport(ctx, app, file, tell)
	if err != nil {
		return err
	}
	t.bar.end()
	if app == nil {
		if app, err = t.makeApp(ctx, load.Of); err != nil {
			return err
		}
	}
	done, err := load.Run(ctx, app)
	t.bar.end()
	if err != nil {
		return fmt.Errorf("%w; what was imported, up to position %d, is kept: import again to go on", err, done.To)
	}
	if done.From == done.To {
		_, err = fmt.Fprintf(t.stdout, "app %s: its log has all of the export, up to position %d\n", app.PublicID, done.To)
		return err
	}
	_, err = fmt.Fprintf(t.stdout, "app %s: imported what lies between the positions %d and %d; copy the folder %d of the original's store of the files to the folder %d here\n",
		app.PublicID, done.From, done.To, load.Of.Number, app.ID)
	return err
}

// makeApp makes the app that is imported into, under the id that it had unless another one is asked for.
func (t *transfer) makeApp(ctx context.Context, of models.ExportedApp) (*models.App, error) {
	want := t.config.credentials()
	if want.AppID == "" {
		want.AppID = of.ID
	}
	app, made, err := t.store.Bootstrap(ctx, want)
	if err != nil || made == nil {
		return app, err
	}
	for _, secret := range []struct{ name, value string }{
		{"app key", made.AppKey}, {"master key", made.MasterKey}, {"signing secret", made.SigningSecret}} {
		if secret.value != "" {
			fmt.Fprintf(t.stdout, "app %s has been made; its %s, shown this once: %s\n", app.PublicID, secret.name, secret.value)
		}
	}
	return app, nil
}
