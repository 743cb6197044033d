package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"parley/models"
)

// AfterRestore is the sub-command that makes a restored database fit to be used again (docs/operations.md), while no
// node runs on it. It says on stdout what it did to each app.
func AfterRestore(ctx context.Context, config Config, logger *slog.Logger, stdout io.Writer) (err error) {
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	store, err := models.Open(opening, config.DatabaseURL, models.Options{Logger: logger})
	if err != nil {
		return fmt.Errorf("PARLEY_DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	moved, err := store.AfterRestore(ctx)
	if err != nil {
		return err
	}
	for _, m := range moved {
		fmt.Fprintf(stdout, "app %s: the log goes on after %d instead of %d; clients with a position of before are told to fetch anew\n", m.AppID, m.After, m.Before)
	}
	if len(moved) == 0 {
		fmt.Fprintln(stdout, "there is no app in this database, so nothing was to be done")
	}
	return nil
}
