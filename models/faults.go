package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	drv "github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// fault says what a failed transaction means for the work in it.
type fault int

const (
	faultNone      fault = iota
	faultPermanent       // the statement or the data is wrong; the same again fails again
	faultDuplicate       // a unique key was taken: run again, with the look-ups that find it
	faultContended       // rolled back by the database in favour of somebody else: run again, patiently
	faultLost            // the connection was lost, and perhaps with it the answer to a COMMIT: run again
	faultDown            // no connection can be had, or no write is taken now (read-only, disk full): run again, but soon give up
)

// faultOf sorts a database error.
func faultOf(err error) fault {
	if err == nil {
		return faultNone
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return faultDown
	}
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, drv.ErrInvalidConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, sql.ErrTxDone), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return faultLost
	}
	if e, ok := errors.AsType[*drv.MySQLError](err); ok {
		return mysqlFault(e)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return sqliteFault(e)
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return faultLost
	}
	return faultPermanent
}

// mysqlFault knows the server's error numbers. They are MySQL's; MariaDB, TiDB and Vitess share the ones they have, and
// those above 8000 are TiDB's own.
func mysqlFault(e *drv.MySQLError) fault {
	switch e.Number {
	case 1062: // duplicate key
		return faultDuplicate
	case 1205, 1213, 3572: // lock wait time-out, deadlock, a NOWAIT that would have waited
		return faultContended
	case 1020: // the row has changed since it was read (MariaDB's snapshot isolation)
		return faultContended
	case 8002, 8022, 8027, 8028, 9004, 9007: // write conflict, commit to be retried, schema changed meanwhile, locks not resolved in time
		return faultContended
	case 1040, 1203, 1226, 1041, 1053, 1077, 1129: // too many connections (of all, of this user), out of memory, shutting down, host blocked
		return faultLost
	case 1158, 1159, 1160, 1161, 1927, 3169, 4031: // network errors seen by the server; connection or session killed, or idle too long
		return faultLost
	case 1047, 1180, 1317, 1969, 3024: // node not ready, error at COMMIT, interrupted, over the statement's time
		return faultLost
	case 1290, 1792, 1836: // read-only server or transaction; while the driver rejects such a server it shows a lost connection
		return faultDown
	case 1021, 1030, 1114: // disk full, an error of the storage engine (as a rule its disk), table full
		return faultDown
	case 9001, 9002, 9003, 9005: // the placement driver or a store does not answer, is busy, or a region has no leader
		return faultLost
	}
	return faultPermanent
}

// isTimeLimit tells whether a statement was ended because it took longer than it was allowed.
func isTimeLimit(err error) bool {
	const mysqlLimit, mariaDBLimit = 3024, 1969
	e, ok := errors.AsType[*drv.MySQLError](err)
	return ok && (e.Number == mysqlLimit || e.Number == mariaDBLimit)
}

func sqliteFault(e *sqlite.Error) fault {
	const primaryCode = 0xff // the rest of the number says more precisely what it was
	switch e.Code() & primaryCode {
	case sqlite3.SQLITE_CONSTRAINT:
		if e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE {
			return faultDuplicate
		}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return faultContended
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN: // rolled back, and the same for whoever comes next
		return faultDown
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_INTERRUPT:
		if e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE { // a full disk has no room for the -shm file
			return faultDown
		}
		return faultLost
	}
	return faultPermanent
}

// asUnavailable turns a database failure into what a caller may see, and leaves an Error and a caller's own
// cancellation as they are.
func asUnavailable(ctx context.Context, err error) error {
	if err == nil || errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	switch faultOf(err) {
	case faultLost, faultDown, faultContended:
		return errUnavailable(err)
	}
	return err
}
