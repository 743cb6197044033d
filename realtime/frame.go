package realtime

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/models"
)

// frame is one encoded block of a stream (WHATWG HTML, "Server-sent events"), shared by all who are shown it.
type frame struct {
	seq  int64 // the entry's number; 0 for what is beside the log
	data []byte
	// Of a chat room: a queue that is full drops it.
	room      string
	priority  models.Priority
	broadcast bool        // it is remembered that the client has been brought it
	trace     *frameTrace // nil: nobody traces it
}

// newFrame encodes an event. The data is one line: JSON has no raw line break, neither in strings nor, compact, between
// tokens. With seq 0 the block has no id, so Last-Event-ID stays where it is.
func newFrame(seq int64, event string, payload any) (*frame, error) {
	block := make([]byte, 0, 256)
	if seq > 0 {
		block = appendID(block, seq)
	}
	block, err := appendEvent(block, event, payload)
	return &frame{seq: seq, data: block}, err
}

func appendID(b []byte, seq int64) []byte {
	b = append(b, "id: "...)
	b = strconv.AppendInt(b, seq, 10)
	return append(b, '\n')
}

func appendEvent(b []byte, event string, payload any) ([]byte, error) {
	b = append(b, "event: "...)
	b = append(b, event...)
	b = append(b, "\ndata: "...)
	data, err := json.Marshal(payload, jsontext.Multiline(false))
	if err != nil {
		return nil, err
	}
	b = append(b, data...)
	return append(b, "\n\n"...), nil
}

// fanout is an entry with its encodings, each made once, at the first recipient who is shown it.
type fanout struct {
	entry  models.Entry
	frames map[string]*frame // by event; at most two
	single *frame            // of a message, and of whatever happens in a chat room: everybody is shown the same
	size   int               // in memory, about
	trace  *frameTrace       // nil: nobody traces it
}

func newFanout(e models.Entry) *fanout {
	f := &fanout{entry: e, size: 512} // the entry and its block without the texts
	if m := e.Message; m != nil {
		f.size += 2 * (len(m.Attributes) + len(m.Payload))
		for _, id := range m.Recipients {
			f.size += 16 + len(id) // and its string header
		}
		if m.Text != nil {
			f.size += 2 * len(*m.Text)
		}
	}
	if v := e.Event; v != nil {
		f.size += 2*len(v.Body.Changes) + len(v.Body.Attributes)
		for _, member := range v.Body.Members {
			f.size += 2 * len(member)
		}
		f.size += 2 * len(v.Body.Sessions) * 64 // two ids and their headers
	}
	return f
}

// frameFor gives what a client inside is shown of the entry.
func (f *fanout) frameFor(clientID string) (*frame, error) {
	if f.single != nil {
		return f.single, nil
	}
	event := eventFor(f.entry, clientID)
	if made := f.frames[event]; made != nil {
		return made, nil
	}
	made, err := newFrame(f.entry.Seq(), event, payloadOf(f.entry, event))
	if err != nil {
		return nil, err
	}
	made.broadcast, made.trace = f.entry.IsBroadcast(), f.trace
	if event == eventMessage {
		f.single = made
		return made, nil
	}
	if f.frames == nil {
		f.frames = map[string]*frame{}
	}
	f.frames[event] = made
	return made, nil
}

// chatFrame gives what those inside a chat room are shown of the entry.
func (f *fanout) chatFrame() (*frame, error) {
	if f.single != nil {
		return f.single, nil
	}
	event := chatEventFor(f.entry)
	made, err := newFrame(f.entry.Seq(), event, payloadOf(f.entry, event))
	if err != nil {
		return nil, err
	}
	made.room, made.priority, made.trace = f.entry.ConversationID(), models.HighPriority, f.trace
	switch {
	case f.entry.Message != nil:
		made.priority = f.entry.Message.Priority
	case made.room == "":
		made.room = f.entry.Event.Body.Room
	}
	f.single = made
	return made, nil
}
