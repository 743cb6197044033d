package harness

import (
	"bufio"
	"io"
	"strings"
)

// Statement is one on its way through a Proxy.
type Statement struct {
	SQL           string
	InTransaction bool // its connection has begun one; COMMIT and ROLLBACK are in the one that they end
	InLog         bool // in one that has taken the counter row, as every write to the log does first, or takes it now
}

// follow gives a statement's place, after those before it on its connection.
func (before Statement) follow(sql string) Statement {
	if before.SQL == "COMMIT" || before.SQL == "ROLLBACK" {
		before = Statement{}
	}
	begins := strings.HasPrefix(sql, "START TRANSACTION")
	takesCounter := strings.HasSuffix(sql, " FOR UPDATE") || begins && strings.Contains(sql[:min(len(sql), 100)], "; UPDATE counters ")
	return Statement{SQL: sql, InTransaction: before.InTransaction || begins, InLog: before.InLog || takesCounter}
}

// Fate is what becomes of a statement on its way through a Proxy.
type Fate int

// The fates of a statement. Those that cut end the statement's own connection, those that freeze hold all of the
// proxy's, until Thaw.
const (
	Pass        Fate = iota // it goes on to the database
	CutBefore               // it never reaches the database
	CutAfter                // the database carries it out, and the client never hears of it
	CutLate                 // the client is cut off first; only then is it carried out, while the client is trying again
	FreezeHalf              // half of its bytes reach the database, the rest waits
	FreezeIt                // it waits
	FreezeAfter             // the database gets all of it, its answer waits
)

// A packet of the MySQL protocol: three bytes of length, one of sequence, the payload. A command begins at sequence 0,
// and one of text with the byte 3; the packets of a log-in have higher sequences.
const (
	packetHeader = 4
	comQuery     = 3
)

// readPacket reads a packet whole, as it must be forwarded.
func readPacket(r *bufio.Reader) ([]byte, error) {
	header, err := r.Peek(packetHeader)
	if err != nil {
		return nil, err
	}
	packet := make([]byte, packetHeader+int(header[0])+int(header[1])<<8+int(header[2])<<16)
	_, err = io.ReadFull(r, packet)
	return packet, err
}

// statementIn gives the statement that a client's packet carries; false when it is something else.
func statementIn(packet []byte) (sql string, ok bool) {
	if len(packet) <= packetHeader || packet[3] != 0 || packet[packetHeader] != comQuery {
		return "", false
	}
	return string(packet[packetHeader+1:]), true
}
