package models

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
)

// maxExportLine bounds the memory for one line: many times what the largest row takes.
const maxExportLine = 64 << 20

// The stages of a section, in their order.
const (
	stageLog = iota
	stageConversations
	stageMembers
	stageFormers
	stageFiles
	stageDelivered
)

// exportScan reads an export line by line and sees to it that it is whole and in order.
type exportScan struct {
	lines  *bufio.Scanner
	number int    // of the line read last
	text   []byte // it, with its newline
	offset int64  // after it
	header *exportHeader

	position int64 // the end of the last whole section
	last     int64 // the newest line of the log, or position
	stage    int
	ended    bool   // the line read last ended a section
	newest   []byte // the newest line of the log itself
	sum      hash.Hash
	// Where a run that was cut off goes on: after the last line of the log, or of a whole section.
	resumeAt  int64
	resumeSum []byte
}

// LineError says which line of an export cannot be used, and why.
type LineError struct {
	Line int
	Err  error
	cut  bool // it cannot be read at all, as when it was cut off
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

func newExportScan(r io.Reader) *exportScan {
	s := &exportScan{lines: bufio.NewScanner(r), sum: sha256.New()}
	s.lines.Buffer(make([]byte, 1<<16), maxExportLine)
	s.lines.Split(wholeLines)
	return s
}

// wholeLines gives lines with their newlines; the last one may have none.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// next reads a line; io.EOF after the last one, a *LineError for one that cannot be used. text is good until the next call.
func (s *exportScan) next() (exportLine, error) {
	if !s.lines.Scan() {
		if err := s.lines.Err(); errors.Is(err, bufio.ErrTooLong) {
			return exportLine{}, &LineError{Line: s.number + 1, Err: fmt.Errorf("is longer than %d MB", maxExportLine>>20)}
		} else if err != nil {
			return exportLine{}, err
		}
		return exportLine{}, io.EOF
	}
	s.number, s.text = s.number+1, s.lines.Bytes()
	s.offset += int64(len(s.text))
	line, err := decodeExportLine(s.text)
	if err != nil {
		return line, &LineError{Line: s.number, Err: err, cut: true}
	}
	if err := s.accept(line); err != nil {
		return line, &LineError{Line: s.number, Err: err}
	}
	return line, nil
}

// accept checks that a line may stand where it does.
func (s *exportScan) accept(line exportLine) error {
	if line.Header != nil {
		if s.number != 1 {
			return errors.New("a second header")
		}
		s.header = line.Header
		return s.mark()
	}
	if s.number == 1 {
		return errors.New("this is no export: the first line of one is its header")
	}
	if line.End != nil {
		return s.end(line.End)
	}
	stage := stageOf(line)
	if stage < s.stage {
		return errors.New("is out of order")
	}
	s.stage, s.ended = stage, false
	s.sum.Write(s.text) // never fails
	if seq := line.seq(); seq > 0 {
		if seq <= s.last {
			return fmt.Errorf("entry %d comes after entry %d", seq, s.last)
		}
		s.last, s.newest = seq, append(s.newest[:0], s.text...)
		return s.mark()
	}
	return nil
}

func (s *exportScan) end(end *exportEnd) error {
	if !bytes.Equal(s.sum.Sum(nil), end.SHA256) {
		return errors.New("the checksum is not that of the lines before: one of them has been changed or is missing")
	}
	if end.Position < s.last {
		return fmt.Errorf("the position is before entry %d", s.last)
	}
	s.position, s.last, s.stage = end.Position, end.Position, stageLog
	s.ended = true
	s.sum.Write(s.text)
	return s.mark()
}

// mark remembers a place where a run may go on.
func (s *exportScan) mark() (err error) {
	s.resumeAt = s.offset
	s.resumeSum, err = s.sum.(encoding.BinaryMarshaler).MarshalBinary()
	return err
}

func stageOf(line exportLine) int {
	switch {
	case line.Conversation != nil:
		return stageConversations
	case line.Member != nil:
		return stageMembers
	case line.Former != nil:
		return stageFormers
	case line.File != nil && line.File.UnusedSince != nil:
		return stageFiles
	case line.Delivered != nil:
		return stageDelivered
	}
	return stageLog
}

// each reads all lines.
func (s *exportScan) each(ctx context.Context, do func(exportLine) error) error {
	for {
		line, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = do(line)
		}
		if err != nil {
			return err
		}
	}
}
