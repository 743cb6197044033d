package models

// maxInsiders bounds the memory of one app's insiders: about 200 bytes each. Past it they are found out anew, by the look-up
// that a batch makes anyway.
const maxInsiders = 100_000

// insiders is what a committer remembers of its app's log: where the log stood after this node's last transaction, and
// who was found inside which conversation by then. Every change of members takes a number, so for as long as the log stands
// where it stood, this is exact: a batch that moves the counter on from just there needs no look-up (DESIGN.md, "The
// log"). Where another node has written in between, it is forgotten. Only the committer's own goroutine uses it.
//
// It holds members for good: those of a temporary conversation go by the clock, those of a chat room and the subscribers
// of a system conversation are kept elsewhere.
type insiders struct {
	seq     int64
	at      Timestamp // the newest time in the log
	alone   bool      // nobody else wrote between this node's last two transactions: the next one may count on it
	members map[string]map[string]bool
	size    int
}

func newInsiders() *insiders { return &insiders{members: map[string]map[string]bool{}} }

// know tells whether a batch is of messages about which there is nothing to look up but keys: each by an insider, with no
// stored file.
func (i *insiders) know(batch []*work) bool {
	if !i.alone {
		return false
	}
	keys := map[sendKey]bool{}
	for _, w := range batch {
		if w.send.file != "" || !i.members[w.send.conversationID][w.send.by.ClientID] {
			return false
		}
		if w.send.hasClientKey() {
			if keys[w.send.lookup()] {
				return false // a repeat beside the first one
			}
			keys[w.send.lookup()] = true
		}
	}
	return true
}

// moved says that a transaction of this node found the log at one number and brought it to another, with these entries.
func (i *insiders) moved(from, to int64, at Timestamp, entries []Entry) {
	i.alone = from == i.seq
	if !i.alone {
		i.forget()
	}
	for _, e := range entries {
		if e.Event != nil {
			i.size -= len(i.members[e.Event.ConversationID])
			delete(i.members, e.Event.ConversationID)
		}
	}
	i.seq, i.at = to, at
}

// add remembers who was found inside, in the transaction that moved has just been told of.
func (i *insiders) add(members []memberKey) {
	if i.size > maxInsiders {
		i.forget()
	}
	for _, m := range members {
		inside := i.members[m.conversationID]
		if inside == nil {
			inside = map[string]bool{}
			i.members[m.conversationID] = inside
		}
		if !inside[m.clientID] {
			inside[m.clientID] = true
			i.size++
		}
	}
}

func (i *insiders) forget() {
	clear(i.members)
	i.size = 0
}
