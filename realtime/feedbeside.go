package realtime

import "math"

// This file keeps transient messages in their place among the entries: after those that had come in before them, because
// who has been answered that a conversation is made may send one at once, and before those that came in later.

// besideLine is what goes beside the log and waits for the feed; under the feed's lock.
type besideLine struct {
	waiting []besideNews
	telling bool // the feed has taken some
}

// besideNews is to be told when the entries up to a number have been let through.
type besideNews struct {
	after int64
	tell  func()
}

// afterEntries tells something when all entries that have come in so far have been let through, or cannot be read just now:
// at once, as a rule. It must not block.
func (f *Feed) afterEntries(tell func()) {
	f.mu.Lock()
	behind := f.hub.head.Load() < f.target || len(f.beside.waiting) > 0 || f.beside.telling
	if behind && len(f.beside.waiting) < maxPending {
		f.beside.waiting = append(f.beside.waiting, besideNews{f.target, tell})
		f.mu.Unlock()
		f.signal()
		return
	}
	f.mu.Unlock()
	tell()
}

// takeBeside gives what waits, under the feed's lock; endBeside must follow.
func (f *Feed) takeBeside() besideTurn {
	turn := besideTurn{news: f.beside.waiting, some: len(f.beside.waiting) > 0}
	f.beside.waiting, f.beside.telling = nil, turn.some
	return turn
}

// besideTurn is what the feed has taken and not told yet.
type besideTurn struct {
	news []besideNews
	some bool // were taken
}

// tellUpTo tells what waited for the entries up to head.
func (b *besideTurn) tellUpTo(head int64) {
	for len(b.news) > 0 && b.news[0].after <= head {
		b.news[0].tell()
		b.news = b.news[1:]
	}
}

// bound gives how many of n entries after head come before the next news.
func (b *besideTurn) bound(n int, head int64) int {
	if len(b.news) == 0 {
		return n
	}
	return int(min(int64(n), b.news[0].after-head))
}

// endBeside tells the rest: what they waited for is there, or cannot be read just now. What has come meanwhile waits for the
// next turn, and so stays in order.
func (f *Feed) endBeside(b *besideTurn) {
	if !b.some {
		return
	}
	b.tellUpTo(math.MaxInt64)
	f.mu.Lock()
	f.beside.telling = false
	f.mu.Unlock()
}
