//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/tests/rig"
)

// stock is a database full of messages, made once for all rounds of a workload.
type stock struct {
	bench   *bench
	prepare func(ctx context.Context, t *target) ([]string, error) // makes the conversations, by the server
	wanted  int                                                    // messages

	database      *rig.Database
	conversations []string
	from, head    int64 // the log's position before the first message, and at the last
	messages      int
}

// stockTimeout: a million messages take half a minute, on a disk that is slow several.
const stockTimeout = 20 * time.Minute

// stockMembers are inside every conversation of a stock.
var stockMembers = []string{"Tom", "Jerry"}

// newStock is one of messages that stockMembers have in a number of conversations.
func (b *bench) newStock(conversations, messages int) *stock {
	return &stock{bench: b, wanted: messages, prepare: func(ctx context.Context, t *target) ([]string, error) {
		return t.converse(ctx, slices.Repeat([][]string{stockMembers}, conversations))
	}}
}

// make has the server make the tables and the conversations. It is stopped while the messages are put in: it would read
// them all as news.
func (s *stock) make(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, stockTimeout)
	defer cancel()
	t, err := s.bench.startServer(ctx)
	if err != nil {
		return err
	}
	s.database = t.database
	s.conversations, err = s.prepare(ctx, t)
	if err = errors.Join(err, t.Process.Stop()); err == nil {
		err = s.database.DB.QueryRowContext(ctx, "SELECT seq FROM counters").Scan(&s.from)
	}
	if err == nil {
		err = s.fill(ctx, s.wanted)
	}
	if err != nil {
		return errors.Join(err, s.drop())
	}
	return nil
}

func (s *stock) drop() error { return s.database.Drop() }

const (
	fillRows   = 1000 // of one INSERT
	fillCommit = 50   // INSERTs in a transaction
)

// fill puts messages in behind the server's back, as it would have stored them, until there are so many.
func (s *stock) fill(ctx context.Context, messages int) error {
	if err := s.database.DB.QueryRowContext(ctx, "SELECT seq FROM counters").Scan(&s.head); err != nil {
		return err
	}
	text := strings.Repeat("x", s.bench.bytes)
	for s.messages < messages {
		if err := s.fillSome(ctx, messages, text); err != nil {
			return err
		}
	}
	_, err := s.database.DB.ExecContext(ctx, "UPDATE conversations SET last_seq = ?", s.head)
	return err
}

// fillSome is one transaction.
func (s *stock) fillSome(ctx context.Context, messages int, text string) error {
	const app = 1
	tx, err := s.database.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for range fillCommit {
		n := min(fillRows, messages-s.messages)
		if n == 0 {
			break
		}
		var values strings.Builder
		for range n {
			s.messages, s.head = s.messages+1, s.head+1
			fmt.Fprintf(&values, ",(%d,'%s',%d,'Tom','sig-0123456789abcdef0123456789abcdef','s:%020d','text','%s','{}',NULL,%d)",
				app, s.conversations[s.messages*7%len(s.conversations)], s.head, s.head, text, 1_700_000_000_000+s.head)
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO messages (app_id, conversation_id, seq, sender, session_id, idempotency_key, type, text, attributes, payload, created_at) VALUES "+values.String()[1:])
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE counters SET seq = ?", s.head); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// overStock measures with a server on a stock.
func (b *bench) overStock(ctx context.Context, s *stock, measure func(context.Context, *target, *rig.Loop) ([]float64, error)) ([]float64, error) {
	start := func(ctx context.Context) (*target, error) {
		p, err := rig.Start(ctx, "the server", b.dir, b.environ(s.database.URL), b.server)
		if err != nil {
			return nil, err
		}
		kept := *s.database
		kept.Drop = func() error { return nil } // the stock's
		return &target{Process: p, database: &kept, api: newAPI(p.Addr)}, nil
	}
	return against(ctx, start, measure)
}
