package models

import (
	"context"
	"database/sql"
	"time"
)

// readPool runs a query again when its connection is lost under it: reading twice does no harm, and a caller need not
// know that one of a pool's connections has died. What is lost while rows are being read is not retried.
type readPool struct{ *sql.DB }

const (
	// A server that is gone is told within half a second; a connection that has died costs one pause.
	readAttempts = 4
	readPause    = 20 * time.Millisecond // before the second attempt; it triples
	// After this an attempt has hung, not failed: another would hang as well.
	readBudget = 2 * time.Second
)

// GetDBConn gives GORM the pool itself.
func (p readPool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

// QueryContext is sql.DB's, with attempts.
func (p readPool) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	err = p.again(ctx, func() error {
		rows, err = p.DB.QueryContext(ctx, query, args...)
		return err
	})
	return rows, err
}

// QueryRowContext is sql.DB's, with attempts.
func (p readPool) QueryRowContext(ctx context.Context, query string, args ...any) (row *sql.Row) {
	_ = p.again(ctx, func() error { // the row carries its error
		row = p.DB.QueryRowContext(ctx, query, args...)
		return row.Err()
	})
	return row
}

func (readPool) again(ctx context.Context, query func() error) error {
	pause, begun := readPause, time.Now()
	for attempt := 1; ; attempt++ {
		err := query()
		if kind := faultOf(err); kind != faultLost && kind != faultDown || isTimeLimit(err) || attempt == readAttempts || ctx.Err() != nil || time.Since(begun) > readBudget {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause *= 3
		}
	}
}
