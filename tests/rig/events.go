//go:build linux

package rig

import (
	"bytes"
	"fmt"
)

// Events reads the answer to a request for an event stream, and cuts it into its blocks.
type Events struct {
	headed bool // the response's header has been read
	chunks chunks
	rest   []byte // an incomplete header or block
}

// Take takes what has been read; each whole block is handed on with the end of its last line.
func (e *Events) Take(data []byte, block func([]byte) error) error {
	if !e.headed {
		e.rest = append(e.rest, data...)
		header, body, whole := bytes.Cut(e.rest, headerEnd)
		if !whole {
			return nil
		}
		if !bytes.HasPrefix(header, []byte("HTTP/1.1 200 ")) || !bytes.Contains(header, []byte("\r\nTransfer-Encoding: chunked")) {
			return fmt.Errorf("the answer is not a stream: %.1000q", e.rest)
		}
		e.headed, e.rest, data = true, nil, bytes.Clone(body)
	}
	return e.chunks.each(data, func(payload []byte) error { return e.cut(payload, block) })
}

var (
	headerEnd = []byte("\r\n\r\n")
	blockEnd  = []byte("\n\n")
)

// cut cuts what has come into blocks. It nearly always ends with one, because the server flushes whole blocks.
func (e *Events) cut(data []byte, block func([]byte) error) error {
	if len(e.rest) > 0 {
		e.rest = append(e.rest, data...)
		data = e.rest
	}
	for {
		end := bytes.Index(data, blockEnd)
		if end < 0 {
			break
		}
		if err := block(data[:end+1]); err != nil {
			return err
		}
		data = data[end+len(blockEnd):]
	}
	if len(data) == 0 {
		e.rest = nil
		return nil
	}
	e.rest = append(e.rest[:0], data...)
	return nil
}
