package models

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"parley/models/query"
)

const (
	// MaxSkip bounds skip: beyond it paging by skip costs more than any list is worth.
	MaxSkip = 10_000
	// A query with conditions is ended after this: longer than a user waits for a list, short enough that no query keeps a
	// database busy for long.
	queryTimeLimit = 2 * time.Second
	// How much longer a MySQL server is waited for that has to end the query: a second's half is a slow network's round trip.
	queryGrace = 500 * time.Millisecond
	// So many queries with conditions run at once on a node, the others wait: a part of the reading connections, so that
	// streams and histories always find one.
	queriesAtOnce = 4
	// Rows that regular expressions may look at in one query: first a few, because most lists are full soon and what is not
	// read still has to come over the wire, then as many as fit into the time.
	fewCandidates, mostCandidates = 1000, 20_000
)

// ConversationQuery is a question for conversations (API.md, "Conversations").
type ConversationQuery struct {
	Member string   // only conversations with this client inside; empty: see Where
	Where  JSON     // conditions; without any, and without Member, the actor's own conversations, or all for the app's own server
	Sort   []string // fields to sort by, with a minus before them for descending; empty: newest activity first
	Limit  int      // 1 to 100
	Skip   int      // 0 to MaxSkip
}

// Conversations lists a page of conversations; more tells whether another page follows.
func (s *Store) Conversations(ctx context.Context, by Actor, q ConversationQuery) (page []*Conversation, more bool, err error) {
	if q.Skip < 0 || q.Skip > MaxSkip {
		return nil, false, Invalidf("skip", "must be a number from 0 to %d", MaxSkip)
	}
	question := query.Query{Dialect: s.dialect, AppID: by.App.ID, Viewer: by.ClientID, SeesAll: by.Master,
		HideMembers: s.options.HideMembers, Member: q.Member}
	if q.Where != "" {
		if question.Where, err = query.Parse(string(q.Where)); err != nil {
			return nil, false, asInvalid(err)
		}
	}
	if question.Sort, err = query.ParseSort(q.Sort); err != nil {
		return nil, false, asInvalid(err)
	}
	if q.Member == "" && question.Where.Empty() {
		question.Member = by.ClientID
	}
	find := s.find
	if question.Where.Empty() {
		find = s.findUnlimited
	}
	// One more than asked for tells whether there is a next page.
	ids, err := find(ctx, question.Build(), q.Limit+1, q.Skip)
	if err != nil {
		return nil, false, err
	}
	if more = len(ids) > q.Limit; more {
		ids = ids[:q.Limit]
	}
	if page, err = s.conversations(ctx, by.App.ID, ids); err != nil {
		return nil, false, err
	}
	return page, more, s.complete(ctx, by, page...)
}

// conversations reads conversations in the order of their ids; one that has been deleted meanwhile is left out.
func (s *Store) conversations(ctx context.Context, appID uint32, ids []string) ([]*Conversation, error) {
	page := []*Conversation{}
	if len(ids) == 0 {
		return page, nil
	}
	err := s.read.WithContext(ctx).Where("app_id = ? AND id IN ?", appID, ids).Find(&page).Error
	slices.SortFunc(page, func(a, b *Conversation) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	return page, asUnavailable(ctx, err)
}

// findUnlimited finds ids where there is nothing to bound: along an index, or among one client's conversations.
func (s *Store) findUnlimited(ctx context.Context, sel query.Select, limit, skip int) ([]string, error) {
	ids, err := s.ids(ctx, sel.SQL+" LIMIT ? OFFSET ?", append(sel.Args, limit, skip), nil, limit)
	return ids, asUnavailable(ctx, err)
}

// find finds ids within the time that a query with conditions may take.
func (s *Store) find(ctx context.Context, sel query.Select, limit, skip int) ([]string, error) {
	if err := s.takeTurn(ctx); err != nil {
		return nil, err
	}
	defer func() { <-s.queries }()
	patience := s.options.QueryTimeLimit
	if s.dialect != query.SQLite { // the server keeps the time itself, and still has to say so
		patience += queryGrace
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ids, err := s.findWithin(bounded, sel, limit, skip)
	outOfTime := isTimeLimit(err) || s.dialect == query.SQLite && err != nil && bounded.Err() != nil
	if ctx.Err() == nil && (outOfTime || errors.Is(err, query.ErrTooExpensive)) {
		return nil, errTooExpensive(err)
	}
	return ids, asUnavailable(ctx, err)
}

// takeTurn waits for a place among the queries that run.
func (s *Store) takeTurn(ctx context.Context) error {
	waited := time.NewTimer(s.options.QueryTimeLimit)
	defer waited.Stop()
	select {
	case s.queries <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-waited.C:
		return &Error{Kind: Unavailable, Code: "too_many_queries", Detail: "too many queries are waiting just now; try again", RetryAfter: time.Second}
	}
}

func (s *Store) findWithin(ctx context.Context, sel query.Select, limit, skip int) ([]string, error) {
	statement := s.dialect.Within(s.options.QueryTimeLimit, sel.SQL)
	if sel.Verdict == nil {
		return s.ids(ctx, statement+" LIMIT ? OFFSET ?", append(sel.Args, limit, skip), nil, limit)
	}
	for candidates := fewCandidates; ; candidates = mostCandidates {
		through := &sieve{skip: skip, verdict: sel.Verdict}
		ids, err := s.ids(ctx, statement+" LIMIT ?", append(sel.Args, candidates), through, limit)
		if err != nil || len(ids) == limit || through.seen < candidates {
			return ids, err
		}
		if candidates == mostCandidates {
			return nil, query.ErrTooExpensive
		}
	}
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
