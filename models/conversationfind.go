package models

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"parley/models/query"
)

const (
	// A query that may look at much is ended after this: longer than a user waits for a list, short enough that no query keeps a
	// database busy for long.
	queryTimeLimit = 2 * time.Second
	// How much longer a MySQL server is waited for that has to end the query itself: a slow network's round trip.
	queryGrace = 500 * time.Millisecond
	// The part of the time in which the index of the order must come to a page, where there is another way.
	orderShare = 4
	// Rows that regular expressions may look at in one query: first a few, because most lists are full soon and what is not
	// read still has to come over the wire, then as many as fit into the time.
	fewCandidates, mostCandidates = 1000, 20_000
)

// find finds the ids of a page in order: as a rule without conditions along an index or among one client's conversations, and
// what may have to look at much within the time that such a query may take.
func (s *Store) find(ctx context.Context, by Actor, q *query.Query, limit, skip int) ([]string, error) {
	if !q.LooksAtMuch() {
		sel := q.Build()
		ids, err := s.ids(ctx, sel.SQL+" LIMIT ? OFFSET ?", append(sel.Args, limit, skip), nil, limit)
		return ids, asUnavailable(ctx, err)
	}
	done, err := s.queries.take(ctx, by, s.options.QueryTimeLimit)
	if err != nil {
		return nil, err
	}
	defer done()
	ids, err := s.findPlanned(ctx, q, limit, skip)
	if errors.Is(err, query.ErrTooExpensive) {
		err = errTooExpensive(err)
	}
	return ids, asUnavailable(ctx, err)
}

// findPlanned goes the shortest way. Where each is long, what is wanted is common, and as a rule among the newest: the
// index of the order has most of its pages at once. Where they are not, the long way has to do.
func (s *Store) findPlanned(ctx context.Context, q *query.Query, limit, skip int) ([]string, error) {
	if err := s.plan(ctx, q); err != nil {
		return nil, err
	}
	if q.HasLongWay() {
		ids, err := s.findWithin(ctx, s.options.QueryTimeLimit/orderShare, q.Build(), limit, skip)
		if !errors.Is(err, query.ErrTooExpensive) {
			return ids, err
		}
		q.GoLongWay()
	}
	return s.findWithin(ctx, s.options.QueryTimeLimit, q.Build(), limit, skip)
}

// plan asks the database which of the indexes is short. Its own optimizer cannot know what attributes hold, and for the
// sake of the order would rather read an app to its end.
func (s *Store) plan(ctx context.Context, q *query.Query) error {
	plan := q.Plan()
	if plan.Ways == 0 {
		return nil
	}
	counts, targets := make([]int, plan.Ways), make([]any, plan.Ways)
	for i := range counts {
		targets[i] = &counts[i]
	}
	return s.within(ctx, s.options.QueryTimeLimit, func(ctx context.Context) error {
		statement := s.dialect.Within(s.options.QueryTimeLimit, plan.SQL)
		if err := s.read.ConnPool.QueryRowContext(ctx, statement, plan.Args...).Scan(targets...); err != nil {
			return err
		}
		q.Choose(counts)
		return nil
	})
}

// findWithin finds ids in a time, and fails with query.ErrTooExpensive when it is over.
func (s *Store) findWithin(ctx context.Context, limitTime time.Duration, sel query.Select, limit, skip int) (ids []string, err error) {
	statement := s.dialect.Within(limitTime, sel.SQL)
	err = s.within(ctx, limitTime, func(ctx context.Context) (err error) {
		if sel.Verdict == nil {
			ids, err = s.ids(ctx, statement+" LIMIT ? OFFSET ?", append(sel.Args, limit, skip), nil, limit)
			return err
		}
		for _, candidates := range []int{fewCandidates, s.options.QueryCandidates} {
			through := &sieve{skip: skip, verdict: sel.Verdict}
			ids, err = s.ids(ctx, statement+" LIMIT ?", append(sel.Args, candidates), through, limit)
			if err != nil || len(ids) == limit || through.seen < candidates {
				return err
			}
		}
		return query.ErrTooExpensive
	})
	return ids, err
}

// within runs something that reads, and turns every sign that its time is over into query.ErrTooExpensive. A MySQL server
// keeps the time itself; one that does not even say so is not to be reached.
func (s *Store) within(ctx context.Context, limit time.Duration, read func(ctx context.Context) error) error {
	patience := limit
	if s.dialect != query.SQLite {
		patience += queryGrace
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := read(bounded)
	over := isTimeLimit(err) || s.dialect == query.SQLite && err != nil && bounded.Err() != nil
	if over && ctx.Err() == nil {
		return errors.Join(query.ErrTooExpensive, err)
	}
	return err
}

// sieve lets the rows through that a verdict is for, but for the first ones, which are to be skipped.
type sieve struct {
	verdict *query.Verdict
	skip    int
	seen    int
}

// ids reads up to limit ids; with a sieve, of the rows that it lets through.
func (s *Store) ids(ctx context.Context, statement string, args []any, through *sieve, limit int) (ids []string, err error) {
	rows, err := s.read.ConnPool.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var id string
	targets := []any{&id}
	if through != nil {
		targets = append(targets, through.verdict.Row()...)
	}
	for len(ids) < limit && rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		if through != nil {
			wanted, err := through.wanted(ctx)
			if err != nil {
				return nil, err
			}
			if !wanted {
				continue
			}
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (p *sieve) wanted(ctx context.Context) (bool, error) {
	p.seen++
	wanted, err := p.verdict.Wanted()
	if err != nil {
		return false, err
	}
	if ctx.Err() != nil { // rows are there, so it is not the database that is slow
		return false, query.ErrTooExpensive
	}
	if wanted && p.skip > 0 {
		p.skip--
		wanted = false
	}
	return wanted, nil
}

// statementDialect finds out which kind of SQL the database speaks.
func statementDialect(ctx context.Context, read *gorm.DB) (query.Dialect, error) {
	if read.Name() == "sqlite" {
		return query.SQLite, nil
	}
	var version string
	if err := read.WithContext(ctx).Raw("SELECT VERSION()").Row().Scan(&version); err != nil {
		return 0, err
	}
	return query.DialectOf(version), nil
}
