package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	drv "github.com/go-sql-driver/mysql"
)

// inspectMySQL looks at the server once, at the start: it gives the settings that writing connections to this kind of
// server need besides, warns of a server that may lose what it has acknowledged, and refuses one that would take no writes.
func inspectMySQL(ctx context.Context, config *drv.Config, logger *slog.Logger) (settings map[string]string, err error) {
	ctx, cancel := context.WithTimeout(ctx, mysqlStartTimeout)
	defer cancel()
	db, err := mysqlPool(config, nil, nil)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return nil, err
	}
	if err := checkBinaryLog(ctx, db); err != nil {
		return nil, err
	}
	if lax := laxSettings(ctx, db); len(lax) > 0 {
		logger.Warn("a crash of the database's machine can lose what was answered with 201 (docs/operations.md)", "settings", lax)
	}
	return settingsFor(version), nil
}

// settingsFor gives what a kind of server needs. TiDB calls itself 8.0.11-TiDB-v8.5.0; an old cluster's default may be
// optimistic transactions, in which the counter row is not locked when it is read.
func settingsFor(version string) map[string]string {
	if strings.Contains(version, "TiDB") {
		return map[string]string{"tidb_txn_mode": "'pessimistic'"}
	}
	return map[string]string{}
}

// checkBinaryLog refuses a binary log of statements: with READ COMMITTED every write would fail with error 1665. As with
// laxSettings, a server that does not know the settings has rules of its own.
func checkBinaryLog(ctx context.Context, db *sql.DB) error {
	var format string
	var binlog bool
	err := db.QueryRowContext(ctx, "SELECT @@GLOBAL.binlog_format, @@GLOBAL.log_bin").Scan(&format, &binlog)
	if err == nil && binlog && format == "STATEMENT" {
		return errors.New("the server's binlog_format is STATEMENT, with which it takes no writes at READ COMMITTED; set ROW")
	}
	return nil
}

// laxSettings names the settings with which a commit is not on the disk when it is acknowledged. A server that does not
// know them (a proxy, a distributed database) has rules of its own.
func laxSettings(ctx context.Context, db *sql.DB) (lax []string) {
	var flush, sync int
	var binlog bool
	err := db.QueryRowContext(ctx, "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit, @@GLOBAL.sync_binlog, @@GLOBAL.log_bin").Scan(&flush, &sync, &binlog)
	if err != nil {
		return nil
	}
	if flush != 1 && flush != 3 { // 3: MariaDB's, which flushes as often and once more
		lax = append(lax, fmt.Sprintf("innodb_flush_log_at_trx_commit=%d", flush))
	}
	if binlog && sync != 1 {
		lax = append(lax, fmt.Sprintf("sync_binlog=%d", sync))
	}
	return lax
}
