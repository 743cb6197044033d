package models

import (
	"context"
	"slices"

	"parley/models/query"
)

const (
	// Where no index leads to what a filter wants, a page looks at so many messages and no more, and may be short: some 50 ms
	// of work when they are in memory.
	syncWindow = 10_000
	// The rows of the first statement, where no page before tells how large they are; the next are for as many times those that
	// are there. Asking for their sizes before, as others who read the log do, doubles the work; so the driver may have to throw
	// away what is beyond a full page.
	syncFirst, syncGrowth = 32, 4
	// Pages of history sync read at once: an export must leave connections for those who wait for an answer.
	maxSyncReads = 4
)

// SyncQuery is a stretch of the whole app's log (API.md, "For the app's own server").
type SyncQuery struct {
	After int64 // exclusive; 0: from the oldest that is kept
	UpTo  int64 // inclusive; 0: the counter as of the read
	Limit int   // entries
	Bytes int   // of texts, about; a page has one entry at least
	// MayBeLarge is asked when a page is over SmallPage and would grow; it ends there when the answer is no. Nil: it may.
	MayBeLarge func() bool
	// Empty: all. From and Type choose among the messages alone.
	ConversationID, From, Type string
	Events                     bool // membership changes, and those of conversations, too
	// Floor is up to where what was removed is not missed: that of the page with which a walk from 0 began.
	Floor int64
	// Rows is the first statement's number of messages; 0: a few. That of the page before saves statements.
	Rows int
}

// SyncPage is what a SyncQuery found. All that it asks for is there up to Reached; without entries a page may still have
// reached less than UpTo.
type SyncPage struct {
	Entries []Entry // at most Limit, in the log's order
	Reached int64
	UpTo    int64 // that of the query, or the counter
	Floor   int64 // as of the read
	Rows    int   // about so many messages as large as these would fit
}

// More tells whether there may be more up to UpTo.
func (p SyncPage) More() bool { return p.Reached < p.UpTo }

// syncedKinds are the events that a mirror is built from; others are the server's own.
func syncedKinds() []EventKind {
	return []EventKind{ConversationCreated, MembersJoined, MembersLeft, Subscribed, Unsubscribed, ConversationUpdated, ConversationRemoved}
}

// Wants tells whether the query shows an entry.
func (q SyncQuery) Wants(e Entry) bool {
	if q.ConversationID != "" && q.ConversationID != e.ConversationID() {
		return false
	}
	if e.Event != nil {
		return q.Events && slices.Contains(syncedKinds(), e.Event.Kind)
	}
	return (q.From == "" || q.From == e.Message.From) && (q.Type == "" || q.Type == e.Message.Type)
}

// Sync reads the app's log in order, for its own server: Gone when what followed After has been removed, Conflict when
// the log has not come so far.
func (s *Store) Sync(ctx context.Context, by Actor, q SyncQuery) (SyncPage, error) {
	if err := by.requireMaster(); err != nil {
		return SyncPage{}, err
	}
	select {
	case s.syncReads <- struct{}{}:
		defer func() { <-s.syncReads }()
	case <-ctx.Done():
		return SyncPage{}, ctx.Err()
	}
	// The counter first: all up to it is committed, and visible to what reads afterwards.
	head, err := s.Head(ctx, by.App.ID)
	if err != nil {
		return SyncPage{}, err
	}
	if q.After > head.Seq {
		return SyncPage{}, errPositionFuture()
	}
	if q.UpTo == 0 {
		q.UpTo = head.Seq
	}
	r := &logRead{store: s, appID: by.App.ID, reached: q.UpTo, limit: q.Limit + 1, bytes: min(SmallPage, q.Bytes), most: q.Bytes, mayGrow: q.MayBeLarge, fit: q.Rows}
	if err := r.sync(ctx, q); err != nil {
		return SyncPage{}, asUnavailable(ctx, err)
	}
	if err := s.linkMessages(ctx, r.messages...); err != nil {
		return SyncPage{}, asUnavailable(ctx, err)
	}
	// The floor last: what was removed while the page was read is not on it.
	if head, err = s.Head(ctx, by.App.ID); err != nil {
		return SyncPage{}, err
	}
	if q.After > 0 && head.Floor > max(q.After, q.Floor) {
		return SyncPage{}, errPositionExpired()
	}
	page := SyncPage{Entries: r.entries(), Reached: r.reached, UpTo: q.UpTo, Floor: max(head.Floor, q.Floor), Rows: r.fit}
	page.Entries = slices.DeleteFunc(page.Entries, func(e Entry) bool { return !q.Wants(e) })
	if len(page.Entries) > q.Limit {
		page.Entries = page.Entries[:q.Limit]
		page.Reached = page.Entries[q.Limit-1].Seq()
	}
	return page, nil
}

// sync reads what the query asks for; of one conversation, its personal messages too, which are kept apart.
func (r *logRead) sync(ctx context.Context, q SyncQuery) error {
	if q.ConversationID == "" {
		return r.syncPart(ctx, q)
	}
	personal := q
	personal.ConversationID = personalPart(q.ConversationID)
	if err := r.syncPart(ctx, q); err != nil {
		return err
	}
	return r.syncPart(ctx, personal)
}

// syncPart reads the messages of the query, and the events with them. Each is a range of one index, so a page costs the same
// wherever in the log it is.
func (r *logRead) syncPart(ctx context.Context, q SyncQuery) error {
	key, all, allArgs := "seq", "app_id = ?", []any{r.appID}
	if q.ConversationID != "" {
		key, all, allArgs = "PRIMARY", all+" AND conversation_id = ?", append(allArgs, q.ConversationID)
	}
	wanted, wantedArgs := all, slices.Clone(allArgs)
	if q.Type != "" {
		wanted, wantedArgs = wanted+" AND type = ?", append(wantedArgs, q.Type)
	}
	if q.From != "" {
		wanted, wantedArgs = wanted+" AND sender = ?", append(wantedArgs, q.From)
	}
	const within = " AND seq > ? AND seq <= ?"
	messageKey := key
	switch {
	case q.ConversationID != "" && q.Type != "" && q.From == "" && r.hasTypeIndex(q.Type): // which leads to exactly these
		messageKey, wanted = r.typeIndex(wanted)
	case wanted != all:
		if err := r.narrow(ctx, r.by(key, r.messagesTable()), all+within, append(slices.Clone(allArgs), q.After)); err != nil {
			return err
		}
	}
	var err error
	if r.fit, err = r.blocks(ctx, r.by(messageKey, r.messagesTable()), wanted+within, append(wantedArgs, q.After), r.fit); err != nil || !q.Events {
		return err
	}
	_, err = r.blocks(ctx, r.by(key, r.eventsTable()), all+within, append(allArgs, q.After), 0)
	return err
}

// hasTypeIndex tells whether an index leads to a type of message: SQLite's has all but texts.
func (r *logRead) hasTypeIndex(messageType string) bool {
	return r.store.dialect != query.SQLite || messageType != textType
}

// typeIndex gives its name and the condition with which it may be used: word for word its own.
func (r *logRead) typeIndex(wanted string) (key, condition string) {
	if r.store.dialect != query.SQLite {
		return "type", wanted
	}
	return "other_type", wanted + " AND type <> 'text'"
}

// blocks takes a table's rows, until there are no more or enough. fit is about how many of them would fit, or 0 where nothing is
// known of them; it is told as it has shown itself.
func (r *logRead) blocks(ctx context.Context, table logTable, where string, args []any, fit int) (int, error) {
	args = slices.Clone(args)
	taken, bytes := 0, 0
	for {
		n := r.block(taken, fit)
		found, last, size, err := r.some(ctx, table, where, args, n, r.bytes-bytes)
		taken, bytes, args[len(args)-1] = taken+found, bytes+size, last
		if err != nil || taken == 0 {
			return 0, err
		}
		fit = r.most*taken/max(bytes, 1) + 1
		switch {
		case found < n && bytes < r.bytes:
			return fit, nil
		case taken == r.limit, bytes >= r.bytes && !r.enlarge():
			r.reached = min(r.reached, last)
			return fit, nil
		}
	}
}

// block is the number of rows of the next statement: as many as there is room for, if they are like those before. What is beyond the
// room would come for nothing, so the room is made first.
func (r *logRead) block(taken, fit int) int {
	n := syncFirst
	switch {
	case taken > 0:
		n = min(fit-taken, syncGrowth*taken)
	case fit > 0:
		n = fit
	}
	n = min(n, r.limit-taken)
	if room := fit*r.bytes/r.most - taken; fit > 0 && n > room && !r.enlarge() {
		n = min(n, max(room, syncFirst))
	}
	return n
}

// enlarge makes room for more bytes; false when there is to be none.
func (r *logRead) enlarge() bool {
	if r.bytes >= r.most || r.mayGrow != nil && !r.mayGrow() {
		return false
	}
	r.bytes = r.most
	return true
}

// narrow bounds the read to syncWindow rows of a table, counted along its index.
func (r *logRead) narrow(ctx context.Context, table logTable, where string, args []any) error {
	var rows int
	var last int64
	row := r.store.read.WithContext(ctx).Raw("SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM (SELECT seq FROM "+table.name+" WHERE "+where+
		" ORDER BY seq LIMIT ?) looked_at", append(args, r.reached, syncWindow)...).Row()
	if err := row.Scan(&rows, &last); err != nil {
		return err
	}
	if rows == syncWindow {
		r.reached = last
	}
	return nil
}

// by has a table read along an index. The planner would sometimes rather sort, or walk another one, which is fine at the
// beginning of a log and not at its end.
func (r *logRead) by(key string, table logTable) logTable {
	index := table.name + "_" + key
	if r.store.read.Name() == "mysql" {
		if key == "PRIMARY" {
			index = key
		}
		table.name += " FORCE INDEX (" + index + ")"
		return table
	}
	if key == "PRIMARY" {
		index = "sqlite_autoindex_" + table.name + "_1"
	}
	table.name += " INDEXED BY " + index
	return table
}
