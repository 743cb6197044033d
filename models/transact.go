package models

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
)

// statement is one that changes rows.
type statement struct {
	sql  string
	args []any
	rows int64 // how many it changes
}

// errOtherRows: a statement has changed another number of rows than it should. The transaction was rolled back.
var errOtherRows = errors.New("a transaction has met other rows than it expected")

// transact runs statements as one transaction, on condition that each changes as many rows as it says; the last one has to end
// with a condition. On MySQL all but the COMMIT travel together: on a network with some latency every round trip counts, for
// a lone send above all. The answer tells the rows of the last one alone, so that changes none where another one has failed to.
func (s *Store) transact(ctx context.Context, statements []statement) error {
	if s.write.Name() != "mysql" {
		return s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			for _, st := range statements {
				result := tx.Exec(st.sql, st.args...)
				if result.Error != nil {
					return result.Error
				}
				if result.RowsAffected != st.rows {
					return errOtherRows
				}
			}
			return nil
		})
	}
	texts, args := []string{"START TRANSACTION", "SET @other_rows = 0"}, []any{}
	for i, st := range statements {
		args = append(args, st.args...)
		if i == len(statements)-1 {
			texts = append(texts, st.sql+" AND @other_rows = 0")
			break
		}
		texts = append(texts, st.sql, fmt.Sprintf("SET @other_rows = @other_rows + (ROW_COUNT() <> %d)", st.rows))
	}
	return s.write.WithContext(ctx).Connection(func(conn *gorm.DB) error {
		result := conn.Exec(strings.Join(texts, "; "), args...)
		err := result.Error
		if err == nil && result.RowsAffected != statements[len(statements)-1].rows {
			err = errOtherRows
		}
		if err != nil {
			return rollBack(conn, err)
		}
		if err := conn.Exec("COMMIT").Error; err != nil {
			return rollBack(conn, err)
		}
		return nil
	})
}

// rollBackTimeout: a connection that does not even roll back in this time is thrown away.
const rollBackTimeout = 2 * time.Second

// rollBack ends a transaction that failed, so that its connection may be used again; when that fails too, the connection is closed,
// which ends the transaction as well. It returns why it was called.
func rollBack(conn *gorm.DB, why error) error {
	ctx, cancel := context.WithTimeout(context.Background(), rollBackTimeout)
	defer cancel()
	pool := conn.Statement.ConnPool // past GORM, which runs nothing after an error
	if _, err := pool.ExecContext(ctx, "ROLLBACK"); err == nil {
		return why
	}
	if pinned, ok := pool.(interface{ Raw(func(any) error) error }); ok {
		_ = pinned.Raw(func(any) error { return driver.ErrBadConn }) // how database/sql is told to close it
	}
	return why
}
