package realtime

// This file keeps transient messages behind the entries that came in before them: who has been answered that a conversation
// is made may send one at once, and it is for those whom the feed has yet to bring in.

// besideLine is what goes beside the log and waits for the feed; under the feed's lock.
type besideLine struct {
	waiting []func()
	telling bool // the feed has taken some, and tells them when it has let the entries through
}

// afterEntries tells something when all entries that have come in so far have been let through, or cannot be read just now:
// at once, as a rule. It must not block.
func (f *Feed) afterEntries(tell func()) {
	f.mu.Lock()
	behind := f.hub.head.Load() < f.target || len(f.beside.waiting) > 0 || f.beside.telling
	if behind && len(f.beside.waiting) < maxPending {
		f.beside.waiting = append(f.beside.waiting, tell)
		f.mu.Unlock()
		f.signal()
		return
	}
	f.mu.Unlock()
	tell()
}

// take gives what waits; tellBeside must follow.
func (l *besideLine) take() []func() {
	taken := l.waiting
	l.waiting, l.telling = nil, len(taken) > 0
	return taken
}

// tellBeside tells what has been taken. What comes meanwhile waits, and so stays in order.
func (f *Feed) tellBeside(taken []func()) {
	if len(taken) == 0 {
		return
	}
	for _, tell := range taken {
		tell()
	}
	f.mu.Lock()
	f.beside.telling = false
	f.mu.Unlock()
}
