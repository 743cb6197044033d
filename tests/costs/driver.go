package costs

import (
	"context"
	"database/sql/driver"
	"sync/atomic"
)

// Statements counts what goes to a database by the connections it wraps: every statement, every preparation of one, BEGIN,
// COMMIT and ROLLBACK. On a MySQL server each is a round trip.
type Statements struct {
	count atomic.Int64
	note  atomic.Pointer[func(query string, args []driver.NamedValue)]
}

// Note has what is sent from now on told, by whoever sends it; nil: no more.
func (s *Statements) Note(note func(query string, args []driver.NamedValue)) {
	if note == nil {
		s.note.Store(nil)
		return
	}
	s.note.Store(&note)
}

func (s *Statements) noted(query string, args []driver.NamedValue) {
	if note := s.note.Load(); note != nil {
		(*note)(query, args)
	}
}

// Count is how many there have been.
func (s *Statements) Count() int64 { return s.count.Load() }

// Connect wraps what makes connections.
func (s *Statements) Connect(c driver.Connector) driver.Connector { return connector{c, s} }

type connector struct {
	driver.Connector
	statements *Statements
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{inner, c.statements}, nil
}

// conn hands everything on. Both drivers have all of these interfaces but for the ones that are asked for below.
type conn struct {
	driver.Conn
	statements *Statements
}

// counted counts what the driver has sent; ErrSkip says that it wants to prepare the statement first.
func (c *conn) counted(err error) {
	if err != driver.ErrSkip {
		c.statements.count.Add(1)
	}
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.statements.noted(query, args)
	result, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	c.counted(err)
	return result, err
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.statements.noted(query, args)
	rows, err := c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
	c.counted(err)
	return rows, err
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	prepared, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	c.counted(err)
	if err != nil {
		return nil, err
	}
	return &stmt{prepared, c}, nil
}

func (c *conn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	inner, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
	c.counted(err)
	if err != nil {
		return nil, err
	}
	return tx{inner, c}, nil
}

func (c *conn) Ping(ctx context.Context) error {
	err := c.Conn.(driver.Pinger).Ping(ctx)
	c.counted(err)
	return err
}

// ResetSession sends nothing: MySQL's looks whether the connection is still there.
func (c *conn) ResetSession(ctx context.Context) error {
	if inner, ok := c.Conn.(driver.SessionResetter); ok {
		return inner.ResetSession(ctx)
	}
	return nil
}

func (c *conn) IsValid() bool {
	inner, ok := c.Conn.(driver.Validator)
	return !ok || inner.IsValid()
}

func (c *conn) CheckNamedValue(value *driver.NamedValue) error {
	if inner, ok := c.Conn.(driver.NamedValueChecker); ok {
		return inner.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

type stmt struct {
	driver.Stmt
	conn *conn
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	s.conn.counted(err)
	return result, err
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	s.conn.counted(err)
	return rows, err
}

func (s *stmt) CheckNamedValue(value *driver.NamedValue) error {
	if inner, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return inner.CheckNamedValue(value)
	}
	return s.conn.CheckNamedValue(value)
}

type tx struct {
	driver.Tx
	conn *conn
}

func (t tx) Commit() error {
	err := t.Tx.Commit()
	t.conn.counted(err)
	return err
}

func (t tx) Rollback() error {
	err := t.Tx.Rollback()
	t.conn.counted(err)
	return err
}
