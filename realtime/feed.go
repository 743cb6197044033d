package realtime

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"parley/models"
)

const (
	// Entries that wait for the feed beyond this are dropped and read from the database when their turn comes.
	maxPending = 10_000
	// A gap is read in pieces of this many entries; how many numbers lie between them does not matter.
	repairEntries = 1000
	// A read that has hung, not failed, is begun anew.
	repairTimeout = 5 * time.Second
	// A gap that cannot be read now is tried again after this.
	repairPause = 200 * time.Millisecond
)

// Feed is the only source of live entries of one app on one node. What this node commits and what others announce
// comes in, in any order, some of it twice and some of it never; it lets the next number through, skips lower ones and
// reads a gap from the database. So whatever brings the news may lose, repeat or reorder anything.
type Feed struct {
	appID  uint32
	log    Log
	hub    *Hub
	logger *slog.Logger
	clock  func() time.Time

	mu      sync.Mutex
	pending []models.Entry
	target  int64     // a number that the log is said to have reached
	looked  time.Time // when the counter was last read, and
	lookSeq int64     // what it said
	wake    chan struct{}
	beside  besideLine
}

func newFeed(appID uint32, log Log, hub *Hub, logger *slog.Logger, clock func() time.Time) *Feed {
	return &Feed{appID: appID, log: log, hub: hub, logger: logger, clock: clock, wake: make(chan struct{}, 1)}
}

// offer brings entries; it never blocks.
func (f *Feed) offer(entries []models.Entry) {
	f.mu.Lock()
	if len(f.pending)+len(entries) > maxPending {
		f.pending = nil
	} else {
		f.pending = append(f.pending, entries...)
	}
	f.target = max(f.target, entries[len(entries)-1].Seq())
	f.mu.Unlock()
	f.signal()
}

// reached says that the counter stood at seq at a moment.
func (f *Feed) reached(seq int64, moment time.Time) {
	f.mu.Lock()
	f.target = max(f.target, seq)
	f.looked, f.lookSeq = moment, seq
	f.mu.Unlock()
	f.signal()
}

// hint says that the log has reached a number, by hearsay: a repair asks the counter before it believes it.
func (f *Feed) hint(seq int64) {
	f.mu.Lock()
	f.target = max(f.target, seq)
	f.mu.Unlock()
	f.signal()
}

func (f *Feed) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *Feed) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		for !f.advance(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(repairPause):
			}
		}
	}
}

// advance lets through what has come in; false when a gap could not be read.
func (f *Feed) advance(ctx context.Context) bool {
	f.mu.Lock()
	pending, target, looked, lookSeq := f.pending, f.target, f.looked, f.lookSeq
	f.pending = nil
	beside := f.takeBeside()
	f.mu.Unlock()
	defer f.endBeside(&beside)
	for len(pending) > 0 {
		head := f.hub.head.Load()
		if pending[0].Seq() <= head {
			pending = pending[1:]
			continue
		}
		beside.tellUpTo(head)
		n := beside.bound(contiguous(pending, head), head)
		if n == 0 { // a gap below it
			if !f.repair(ctx, pending[0].Seq()) {
				return false
			}
			if pending[0].Seq() > f.hub.head.Load() {
				pending = pending[1:] // the counter knows nothing of it: news of another log, or of a lost one
			}
			continue
		}
		f.pass(pending[:n])
		pending = pending[n:]
	}
	if f.hub.head.Load() < target && !f.repair(ctx, target) {
		return false
	}
	if !looked.IsZero() && f.hub.head.Load() >= lookSeq {
		f.log.TrustSessions(f.appID, looked)
	}
	return true
}

// contiguous counts the entries that follow head without a gap.
func contiguous(entries []models.Entry, head int64) int {
	for i, e := range entries {
		if e.Seq() != head+int64(i)+1 {
			return i
		}
	}
	return len(entries)
}

// repair reads what lies between the head and upTo from the database, as far as the counter has come. Numbers without a
// row belonged to what has been deleted, and count as passed.
func (f *Feed) repair(ctx context.Context, upTo int64) bool {
	f.hub.metrics.repairs.Inc()
	err := f.read(ctx, upTo)
	if err != nil && ctx.Err() == nil {
		f.logger.Warn("the log cannot be read; live events wait", "error", err)
	}
	return err == nil
}

func (f *Feed) read(ctx context.Context, upTo int64) error {
	counter, err := f.counter(ctx)
	if err != nil {
		return err
	}
	if upTo > counter.Seq {
		f.mu.Lock()
		if f.target == upTo {
			f.target = counter.Seq
		}
		f.mu.Unlock()
		upTo = counter.Seq
	}
	for head := f.hub.head.Load(); head < upTo; head = f.hub.head.Load() {
		if err := f.readFrom(ctx, head, upTo); err != nil {
			return err
		}
	}
	return nil
}

func (f *Feed) counter(ctx context.Context) (models.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	return f.log.Head(ctx, f.appID)
}

func (f *Feed) readFrom(ctx context.Context, head, upTo int64) error {
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	entries, reached, err := f.log.Between(ctx, f.appID, head, upTo, repairEntries)
	if err != nil {
		return err
	}
	// A floor is raised before anything below it is removed. Where one has come above the head, this node has been away for
	// longer than history is kept, and each stream has to find out by itself what it is not going to see.
	now, err := f.log.Head(ctx, f.appID)
	if err != nil {
		return err
	}
	if max(now.Floor, now.OwnFloor) > head {
		f.hub.sendBack()
	}
	f.pass(entries)
	f.hub.head.Store(reached)
	return nil
}

func (f *Feed) pass(entries []models.Entry) {
	for _, e := range entries {
		if e.Event != nil && e.Event.Kind == models.SessionEnded {
			f.log.SessionEnded(f.appID, e.Event.Body.SessionID)
		}
	}
	f.hub.deliver(entries)
	f.hub.metrics.passed(entries, models.TimestampOf(f.clock()))
}
