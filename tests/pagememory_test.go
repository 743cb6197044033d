package tests

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	. "parley/tests/harness"
)

// TestUnreadPagesTookAGigabyte: a page of 32 MB, which 1,000 messages of the default's largest size have too, was built whole,
// twice, and kept for a reader that did not read.
func TestUnreadPagesTookAGigabyte(t *testing.T) {
	process := BuildFastProgram(t).Start(t, append(FixedKeys(), "PARLEY_MAX_MESSAGE_BYTES=1048576")...)
	s := process.Server(t)
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	text := strings.Repeat("x", 1_000_000)
	for range 32 {
		tom.Say(t, conversation, text)
	}
	for name, path := range map[string]string{
		"history": "/v1/conversations/" + conversation + "/messages?limit=1000", "sync": "/v1/messages?after=0&limit=1000",
	} {
		caller := tom
		if name == "sync" {
			caller = s.Master(t, "")
		}
		const pages = 12
		grown := process.GrowthDuring(t, func() {
			var asking sync.WaitGroup
			for range pages {
				asking.Go(func() { askAndNotRead(t, caller, path) })
			}
			asking.Wait()
		})
		t.Logf("%d unread pages of the %s: %d MB", pages, name, grown>>20)
		if most := int64(64 << 20); grown > most {
			t.Errorf("%d unread pages of the %s took %d MB, over %d", pages, name, grown>>20, most>>20)
		}
	}
}

// askAndNotRead makes a call and reads no more than the beginning of its answer until the test ends.
func askAndNotRead(t *testing.T, c *Client, path string) {
	conn, err := c.Server.DialSmall(t, 4096)
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() { _ = conn.Close() }) // whatever it has come to
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: parley\r\nAuthorization: %s\r\n\r\n", path, c.Headers["Authorization"])
	if _, err := io.WriteString(conn, request); err != nil {
		t.Error(err)
		return
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 200 ") {
		t.Errorf("%s began with %q, %v", path, line, err)
	}
}
