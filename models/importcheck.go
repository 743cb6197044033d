package models

import (
	"bytes"
	"context"
	"fmt"
)

// mostMissing bounds the conversations of which a log has more than an export does, and that must turn out to have been
// removed.
const mostMissing = 100_000

// prefixCheck compares an app's log with an export, entry by entry.
type prefixCheck struct {
	reader *exportReader
	head   int64 // of the app's log
	floor  int64
	read   int64 // up to here its entries have been read,
	lines  []exportLine
	// Conversations that have entries which the export has not, with the newest of these: they must have been removed
	// there since.
	missing map[string]int64
}

func (s *Store) prefixCheck(ctx context.Context, app *App) (*prefixCheck, error) {
	head, err := s.Head(ctx, app.ID)
	return &prefixCheck{reader: s.exportReader(s.read.WithContext(ctx), app.ID), head: head.Seq, floor: head.Floor, missing: map[string]int64{}}, err
}

// line compares a line of the export.
func (p *prefixCheck) line(scan *exportScan, line exportLine) error {
	if seq := line.seq(); seq > 0 && seq <= p.head {
		if err := p.entry(scan, seq); err != nil {
			return err
		}
	}
	switch {
	case line.Event != nil && line.Event.Kind == ConversationRemoved:
		delete(p.missing, line.Event.ConversationID)
	case line.Conversation != nil:
		p.explain(line.Conversation.FloorSeq, line.Conversation.ID)
	case line.End != nil:
		if err := p.upTo(min(line.End.Position, p.head) + 1); err != nil {
			return err
		}
		for id := range p.missing {
			p.explain(line.End.Floor, id)
		}
	}
	return nil
}

// explain says up to where retention has removed messages of a conversation.
func (p *prefixCheck) explain(floor int64, id string) {
	if newest, is := p.missing[id]; is && newest <= floor {
		delete(p.missing, id)
	}
}

func (p *prefixCheck) entry(scan *exportScan, seq int64) error {
	if err := p.upTo(seq); err != nil {
		return err
	}
	next, err := p.next()
	if err != nil {
		return err
	}
	if next.seq() != seq {
		if seq <= p.floor {
			return nil // retention has removed it here
		}
		return p.foreign(fmt.Sprintf("entry %d (line %d) is not in it", seq, scan.number))
	}
	p.lines = p.lines[1:]
	text, err := next.encode()
	if err == nil && !bytes.Equal(text, scan.text) {
		err = p.foreign(fmt.Sprintf("entry %d (line %d) is another one there", seq, scan.number))
	}
	return err
}

// upTo passes the app's entries below a number, which the export has not.
func (p *prefixCheck) upTo(seq int64) error {
	for {
		next, err := p.next()
		if err != nil || next.seq() == 0 || next.seq() >= seq {
			return err
		}
		id := ""
		if next.Message != nil {
			id = next.Message.ConversationID
		} else {
			id = next.Event.ConversationID
		}
		p.missing[id] = next.seq()
		if len(p.missing) > mostMissing {
			return p.foreign("too many of its entries are not in the export")
		}
		p.lines = p.lines[1:]
	}
}

// next gives the app's next entry; one without a number when there are no more.
func (p *prefixCheck) next() (exportLine, error) {
	for {
		for len(p.lines) > 0 && p.lines[0].seq() == 0 { // a file's record
			p.lines = p.lines[1:]
		}
		if len(p.lines) > 0 {
			return p.lines[0], nil
		}
		if p.read >= p.head {
			return exportLine{}, nil
		}
		var err error
		if p.lines, p.read, err = p.reader.log(p.read, p.head); err != nil {
			return exportLine{}, err
		}
	}
}

// done is asked at the end of an export.
func (p *prefixCheck) done(position int64) error {
	if p.head > position {
		return p.foreign(fmt.Sprintf("it has come to %d, and the export ends at %d", p.head, position))
	}
	for id, seq := range p.missing {
		return p.foreign(fmt.Sprintf("entry %d, of the conversation %q, is not in the export", seq, id))
	}
	return nil
}

func (p *prefixCheck) foreign(what string) error {
	return fmt.Errorf("the app's log is neither empty nor a beginning of this export: %s; nothing has been changed", what)
}
