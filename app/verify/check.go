package verify

import (
	"cmp"
	"slices"
	"time"
)

// checker is one Check. It leaves the ledger as it is, so that a ledger can be checked again and again.
type checker struct {
	*Ledger
	found  findings
	stored []*sent // by id
	in     map[string][]*sent
	byID   map[int64]*sent // what was acknowledged
	report Report
}

// Check compares what was sent, what came on the streams and what the histories have.
func (l *Ledger) Check() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &checker{Ledger: l, found: findings{counts: l.found.counts, lines: slices.Clone(l.found.lines)},
		in: map[string][]*sent{}, byID: map[int64]*sent{}}
	for _, s := range l.sends {
		c.send(s)
	}
	slices.SortFunc(c.stored, func(a, b *sent) int { return cmp.Compare(a.id(), b.id()) })
	for _, s := range c.stored {
		c.in[s.conversation] = append(c.in[s.conversation], s)
	}
	c.strays()
	c.order()
	for _, t := range l.trails {
		c.trail(t)
	}
	for _, h := range l.readings {
		c.reading(h)
	}
	return c.sum()
}

// sum fills in the counts.
func (c *checker) sum() Report {
	r := &c.report
	r.Sent = len(c.sends)
	r.Unknown = r.Sent - r.Acknowledged - r.Refused
	r.Repeated, r.Retries, r.Replayed = c.repeats, c.retries, c.replays
	r.Readers, r.Cuts, r.Resumes = len(c.trails), c.cuts, c.resumes
	r.Lost, r.Doubled, r.OutOfOrder, r.Broken = c.found.counts[lost], c.found.counts[doubled], c.found.counts[outOfOrder], c.found.counts[broken]
	r.Breaches = c.found.lines
	r.SendTime, r.DeliveryTime, r.ResumeTime = latencyOf(c.sendTimes), latencyOf(c.deliveryTimes), latencyOf(c.resumeTimes)
	return *r
}

// send looks at the ids under which a message is known: one, the same everywhere.
func (c *checker) send(s *sent) {
	switch {
	case s.acknowledged != 0:
		c.report.Acknowledged++
		if first := c.byID[s.acknowledged]; first != nil {
			c.found.add(broken, "two sends were answered with one id: %s; %s", first, s)
		}
		c.byID[s.acknowledged] = s
	case s.refused:
		c.report.Refused++
		if len(s.seen) > 0 {
			c.found.add(broken, "%s was refused, and was stored all the same", s)
		}
	}
	ids := s.seen
	if s.acknowledged != 0 && !slices.Contains(ids, s.acknowledged) && len(ids) > 0 {
		c.found.add(broken, "%s was acknowledged with that id, and came as %d", s, ids)
	} else if len(ids) > 1 {
		c.found.add(doubled, "%s is there more than once, as %d", s, ids)
	}
	if s.id() != 0 {
		c.stored = append(c.stored, s)
	}
}

// strays are messages whose text names no send: a known id says that the text was changed on the way; otherwise nobody
// sent them, if it is in a conversation of this ledger.
func (c *checker) strays() {
	conversations := map[string]bool{}
	for _, s := range c.sends {
		conversations[s.conversation] = true
	}
	look := func(r receipt) {
		if r.stray == nil || !conversations[r.stray.conversation] {
			return
		}
		if s := c.byID[r.stray.id]; s != nil {
			c.found.add(broken, "%s is not as it was sent in %s: text is %s", s, r.stray.where, r.stray.text)
			return
		}
		c.found.add(broken, "conversation %s: message %d, from client %s, was sent by nobody, and is in %s: %s",
			r.stray.conversation, r.stray.id, r.stray.from, r.stray.where, r.stray.text)
	}
	for _, t := range c.trails {
		for _, r := range t.receipts {
			look(r)
		}
	}
	for _, h := range c.readings {
		for _, r := range h.receipts {
			look(r)
		}
	}
}

// order: along the positions, times do not run backwards, and no message comes before one that had been acknowledged
// when it was sent. Of one session in one conversation that is the order of its sends.
func (c *checker) order() {
	var before, latest *sent // at the last position; of those so far, the one that was sent last
	for _, s := range c.stored {
		if before != nil && s.at < before.at && s.at != 0 {
			c.found.add(outOfOrder, "the timestamp %s of %s is earlier than that of %s", formatTime(s.at), s, before)
		}
		if latest != nil && s.acknowledged != 0 && s.ended < latest.begun {
			c.found.add(outOfOrder, "%s was acknowledged before %s was sent, and stands after it", s, latest)
		}
		if s.at != 0 {
			before = s
		}
		if latest == nil || s.begun > latest.begun {
			latest = s
		}
	}
}

// sentOf finds the send of what came, also where its text was changed.
func (c *checker) sentOf(r receipt) *sent {
	if r.sent == nil {
		return c.byID[r.id]
	}
	return r.sent
}

// trail looks for what a reader should have got and did not.
func (c *checker) trail(t *trail) {
	c.report.Received += len(t.receipts)
	got, began := map[*sent]bool{}, map[string]bool{}
	for _, r := range t.receipts {
		if s := c.sentOf(r); s != nil {
			got[s] = true
			began[s.conversation] = true
		}
	}
	for conversation, stored := range c.in {
		inside := t.span(conversation, began[conversation])
		for _, s := range stored {
			if s.session == t.session || s.id() <= t.start || got[s] || !inside(s.id()) {
				continue
			}
			if s.id() > t.position {
				c.report.Behind++
				continue
			}
			c.found.add(lost, "%s never came on %s, which began at %d and has come to %d", s, t, t.start, t.position)
		}
		c.invitation(t, conversation, stored)
	}
	for _, h := range c.readings {
		c.sameOrder(t, h)
	}
}

// span tells at which positions a client was inside a conversation: from its creation, and as its stream says since.
// Where neither says anything, whoever got a message was inside all the time.
func (t *trail) span(conversation string, received bool) (inside func(id int64) bool) {
	var moves []move
	for _, m := range t.moves {
		if m.conversation == conversation {
			moves = append(moves, m)
		}
	}
	_, first := t.created(conversation)
	if len(moves) == 0 {
		first = first || received
	} else if !moves[0].inside {
		first = true // it was taken out, so it had been inside
	}
	return func(id int64) bool {
		now := first
		for _, m := range moves {
			if m.position < id {
				now = m.inside
			}
		}
		return now
	}
}

// invitation: who was online before a conversation with it inside was made is told of it.
func (c *checker) invitation(t *trail, conversation string, stored []*sent) {
	begun, inside := t.created(conversation)
	if !inside || t.online.IsZero() || !begun.After(t.online) || t.position < stored[0].id() {
		return
	}
	if !slices.ContainsFunc(t.moves, func(m move) bool { return m.conversation == conversation && m.inside }) {
		c.found.add(lost, "conversation %s: that client %s is inside never came on %s, which began at %d and has come to %d",
			conversation, t.client, t, t.start, t.position)
	}
}

// sameOrder compares what a stream and a history both have.
func (c *checker) sameOrder(t *trail, h *reading) {
	place := make(map[*sent]int, len(h.receipts))
	for i, r := range h.receipts {
		if s := c.sentOf(r); s != nil && !r.flagged {
			if _, doubled := place[s]; !doubled {
				place[s] = i
			}
		}
	}
	last, lastSent := -1, (*sent)(nil)
	for _, r := range t.receipts {
		s := c.sentOf(r)
		i, known := place[s]
		if s == nil || !known || r.flagged {
			continue
		}
		if i < last {
			c.found.add(outOfOrder, "%s comes after %s on %s, and before it in %s", s, lastSent, t, h.where)
		}
		last, lastSent = i, s
		delete(place, s) // a second time is another breach
	}
}

// reading looks for what a history should have.
func (c *checker) reading(h *reading) {
	c.report.HistoryRead += len(h.receipts)
	has := map[*sent]bool{}
	for _, r := range h.receipts {
		if s := c.sentOf(r); s != nil {
			has[s] = true
		}
	}
	for _, s := range c.in[h.conversation] {
		if !has[s] && s.since() < h.begun {
			c.found.add(lost, "%s is not in %s, which was begun %v after it was known to be stored", s, h.where, (h.begun - s.since()).Round(time.Millisecond))
		}
	}
}
