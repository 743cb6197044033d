package realtime

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// pair is both ends of a connection.
func pair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if theirs, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if ours, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ours.Close()
		theirs.Close()
	})
	return ours, theirs
}

// TestLinkSpeaksHTTP: what a stream writes on its own connection is one chunked response to any client, whatever the sizes.
func TestLinkSpeaksHTTP(t *testing.T) {
	ours, theirs := pair(t)
	l := &link{conn: ours}
	var want []byte
	written := make(chan error, 1)
	sizes := []int{1, 2, 15, 16, 255, 256, 4095, writeChunk - 1, writeChunk, writeChunk + 1, 5 * writeChunk}
	var blocks []*frame
	for i, size := range sizes {
		blocks = append(blocks, &frame{data: bytes.Repeat([]byte{byte('a' + i)}, size)})
		want = append(want, blocks[i].data...)
	}
	go func() {
		out := writer{wire: l, buffers: &buffers{}}
		err := l.begin(http.Header{"Transfer-Encoding": {"chunked"}, "Content-Type": {"text/event-stream"}})
		for _, b := range blocks {
			if err == nil {
				err = out.write(b.data)
			}
		}
		if err == nil {
			err = out.writeFrames(blocks)
		}
		l.end()
		written <- err
	}()
	response, err := http.ReadResponse(bufio.NewReader(theirs), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body) // fails where the last chunk is missing
	if err != nil || !bytes.Equal(got, append(want, want...)) {
		t.Errorf("%d bytes came, or others, not twice %d: %v", len(got), len(want), err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// TestLinkNoticesItsClient: its going is heard at once, and so is one who talks without end.
func TestLinkNoticesItsClient(t *testing.T) {
	for name, does := range map[string]func(net.Conn) error{
		"goes":  net.Conn.Close,
		"talks": func(c net.Conn) error { _, err := c.Write(make([]byte, idleTalk)); return err },
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := pair(t)
			heard := make(chan struct{})
			go func() {
				(&link{conn: ours}).listen()
				close(heard)
			}()
			if _, err := theirs.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil { // a word is no reason to end
				t.Fatal(err)
			}
			if err := does(theirs); err != nil {
				t.Fatal(err)
			}
			select {
			case <-heard:
			case <-time.After(10 * time.Second):
				t.Fatal("nothing was noticed")
			}
		})
	}
}

// TestLinksAreWaitedForAndCut: until the last is gone, or until the time is over.
func TestLinksAreWaitedForAndCut(t *testing.T) {
	var ls links
	if cut := ls.wait(t.Context()); cut != 0 {
		t.Errorf("of none, %d were cut", cut)
	}
	ours, theirs := pair(t)
	l := &link{conn: ours}
	ls.add(l)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if cut := ls.wait(over); cut != 1 {
		t.Errorf("%d were cut", cut)
	}
	if _, err := theirs.Read(make([]byte, 1)); err == nil {
		t.Error("it was not cut")
	}
	gone := make(chan int)
	go func() { gone <- ls.wait(t.Context()) }()
	ls.remove(l)
	if cut := <-gone; cut != 0 {
		t.Errorf("%d were cut although it had ended", cut)
	}
}
