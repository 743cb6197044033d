package models

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzExportLine: whatever a line is, it is refused, or says the same after it was written again.
func FuzzExportLine(f *testing.F) {
	for _, seed := range []string{
		`{"export":{"version":1,"app":"test-app","number":1,"begun":"2026-11-23T08:33:00.123Z"}}`,
		`{"message":{"seq":4,"conversationId":"c1","from":"Tom","session":"s","key":"c:k 1","type":"odd.word","attributes":{"x":"\u00e9"},"payload":{"n":1.10e+2},"priority":-1,"at":"2026-11-23T08:33:00.123Z"}}`,
		`{"message":{"seq":5,"conversationId":"c1","from":"Tom","key":"s:x","type":"file","file":{"id":"f","name":"a","mimeType":"b","size":1,"metadata":{}},"payload":null,"at":"2026-11-23T08:33:00Z"}}`,
		`{"event":{"seq":1,"conversationId":"c1","kind":"conversation_created","actor":"Tom","body":{"members":["Jerry"],"conversation":{"id":"c1","type":"normal","name":null},"later":1},"at":"2026-11-23T08:33:00.123Z"}}`,
		`{"file":{"id":"f","name":"a","mimeType":"b","link":"https://example.org","metadata":{},"createdAt":"2026-11-23T08:33:00.123Z","unusedSince":"1970-01-01T00:00:00Z"}}`,
		`{"conversation":{"id":"c1","type":"temporary","name":"x","unique":true,"uniqueKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","attributes":{"a":[]},"memberCount":2,"createdAt":"2026-11-23T08:33:00.123Z","updatedAt":"2026-11-23T08:33:00.123Z","activeAt":"2026-11-23T08:33:00.123Z","lastSeq":5,"lastMessageSeq":5,"retentionDays":0,"ttl":1,"expiresAt":"2026-11-23T08:33:00.123Z"}}`,
		`{"member":{"conversationId":"c1","clientId":"Tom","joinedSeq":1,"joinedAt":"2026-11-23T08:33:00.123Z","ordinal":0,"invitedBy":"Tom"}}`,
		`{"formerMember":{"conversationId":"c1","clientId":"Tom","joinedSeq":1,"leftSeq":3}}`,
		`{"end":{"position":5,"floor":0,"ownFloor":0,"newestAt":"2026-11-23T08:33:00.123Z","sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}`,
		`{"message":{"seq":6,"conversationId":"s1","from":"s1","key":"s:y","type":"text","text":"x","audience":3,"recipients":["Tom"],"validUntil":"2026-12-23T08:33:00Z","at":"2026-11-23T08:33:00Z"}}`,
		`{"delivered":{"clientId":"Tom","upTo":6}}`, `{}`, `{"end":{},"event":{}}`, `null`, `[`, ``,
	} {
		f.Add([]byte(seed + "\n"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		line, err := decodeExportLine(text)
		if err != nil {
			return
		}
		written, err := line.encode()
		if err != nil {
			t.Fatalf("%s is accepted and cannot be written: %v", text, err)
		}
		if bytes.Count(written, []byte("\n")) != 1 {
			t.Fatalf("it is written as %q", written)
		}
		again, err := decodeExportLine(written)
		if err != nil {
			t.Fatalf("%s was written as %s: %v", text, written, err)
		}
		if rewritten, err := again.encode(); err != nil || !bytes.Equal(rewritten, written) {
			t.Fatalf("%s, then %s, %v", written, rewritten, err)
		}
	})
}

// FuzzExportScan: whatever a file is, it is read to its end, or to a line that is named.
func FuzzExportScan(f *testing.F) {
	const header = `{"export":{"version":1,"app":"a","number":1,"begun":"2026-11-23T08:33:00.123Z"}}` + "\n"
	const end = `{"end":{"position":0,"floor":0,"ownFloor":0,"newestAt":"1970-01-01T00:00:00.000Z","sha256":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}}` + "\n"
	const event = `{"event":{"seq":1,"conversationId":"c1","kind":"members_left","body":{},"at":"2026-11-23T08:33:00.123Z"}}` + "\n"
	const former = `{"formerMember":{"conversationId":"c1","clientId":"Tom","joinedSeq":1,"leftSeq":3}}` + "\n"
	for _, seed := range []string{"", header, header + end, header + event + former, header + former + event, header + end + event, event, header + header, header + event[:20], "\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		scan := newExportScan(bytes.NewReader(file))
		for lines := 1; ; lines++ {
			_, err := scan.next()
			if errors.Is(err, io.EOF) {
				if scan.offset != int64(len(file)) {
					t.Fatalf("read %d bytes of %d", scan.offset, len(file))
				}
				return
			}
			if damaged, ok := errors.AsType[*LineError](err); ok && damaged.Line != lines || err != nil && !ok {
				t.Fatalf("line %d: %v", lines, err)
			} else if ok {
				return
			}
			if scan.resumeAt > scan.offset || scan.last < scan.position {
				t.Fatalf("goes on at %d of %d, entry %d after %d", scan.resumeAt, scan.offset, scan.last, scan.position)
			}
		}
	})
}
