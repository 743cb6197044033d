package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"parley/models"
)

// AfterRestore is the sub-command that makes a restored database fit to be used again (docs/operations.md), while no
// node runs on it; the database is PARLEY_DATABASE_URL. It says on stdout what it did to each app. 0: done; 1: failed;
// 2: a wrong call.
func AfterRestore(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("parley after-restore", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, "Usage: parley after-restore\n\nMoves each app's log of the database PARLEY_DATABASE_URL on, past all numbers that can have been given out\n"+
			"since the backup. To be called after a restore, before the first node starts on it.\n")
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		flags.Usage()
		return 2
	}
	config, err := ParseConfig(environ)
	if err == nil {
		err = afterRestore(ctx, config.DatabaseURL, config.Logger(), stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "parley after-restore:", err)
		return 1
	}
	return 0
}

func afterRestore(ctx context.Context, databaseURL string, logger *slog.Logger, stdout io.Writer) (err error) {
	store, err := models.Open(ctx, databaseURL, models.Options{Logger: logger})
	if err != nil {
		return fmt.Errorf("PARLEY_DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	moved, err := store.AfterRestore(ctx)
	if err != nil {
		return err
	}
	if len(moved) == 0 { // a typing error must not pass for a restore
		return errors.New("PARLEY_DATABASE_URL: there is no app in this database, so it is not the one that was restored")
	}
	for _, m := range moved {
		fmt.Fprintf(stdout, "app %s: the log goes on after %d instead of %d; clients with a position of before are told to fetch anew\n", m.AppID, m.After, m.Before)
	}
	return nil
}
