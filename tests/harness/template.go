package harness

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"parley/migrations"
)

// A test's database is a copy of one that has been migrated, made once in each test binary: the migrations take a tenth of
// a second and more, with the race detector, and hundreds of tests need a database. Those of the first start have an empty one.
var (
	sqliteTemplate = sync.OnceValues(migratedFile)
	mysqlTemplate  = sync.OnceValues(migratedTables)
)

// migratedFile gives the content of a migrated SQLite database.
func migratedFile() (content []byte, err error) {
	folder, err := os.MkdirTemp("", "parley")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "template.db")
	db, err := openSQL("sqlite://" + path)
	if err != nil {
		return nil, err
	}
	if _, err = db.Exec("PRAGMA journal_mode = WAL"); err == nil { // as the server keeps it; it stays in the file
		err = migrations.UpSQLite(context.Background(), db)
	}
	if err := errors.Join(err, db.Close()); err != nil { // Close brings what is in the log into the file
		return nil, err
	}
	return os.ReadFile(path)
}

// statement is one to run with its arguments.
type statement struct {
	sql       string
	arguments []any
}

// migratedTables gives what makes the tables of a migrated MySQL database, and their rows.
func migratedTables() (statements []statement, err error) {
	databaseURL, drop, err := createMySQL()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	db, err := openSQL(databaseURL)
	if err != nil {
		return nil, err
	}
	if err = migrations.UpMySQL(context.Background(), db); err == nil {
		statements, err = dump(db)
	}
	return statements, errors.Join(err, db.Close())
}

// dump reads how the tables of a MySQL database are made, and the few rows that the migrations leave in them.
func dump(db *sql.DB) (statements []statement, err error) {
	tables, err := queryAll(db, "SHOW TABLES")
	for i := 0; err == nil && i < len(tables); i++ {
		name := "`" + string(tables[i][0].([]byte)) + "`"
		var made, rows [][]any
		if made, err = queryAll(db, "SHOW CREATE TABLE "+name); err != nil {
			break
		}
		statements = append(statements, statement{sql: string(made[0][1].([]byte))})
		if rows, err = queryAll(db, "SELECT * FROM "+name); len(rows) > 0 {
			row := "(?" + strings.Repeat(", ?", len(rows[0])-1) + ")"
			insert := statement{sql: "INSERT INTO " + name + " VALUES " + row + strings.Repeat(", "+row, len(rows)-1)}
			for _, values := range rows {
				insert.arguments = append(insert.arguments, values...)
			}
			statements = append(statements, insert)
		}
	}
	return statements, err
}

// queryAll reads all rows of a query, each value as the server wrote it.
func queryAll(db *sql.DB, query string) (all [][]any, err error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		all = append(all, values)
	}
	return all, rows.Err()
}
