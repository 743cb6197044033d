//go:build linux

package faults

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	. "parley/tests/harness"
)

const (
	diskSize  = 24 << 20
	largeDisk = 64 << 20 // more than the 32 MB after which the write-ahead log is written back
	pageSize  = 4 << 10
	// A full disk is told to senders within this, and not retried for ever.
	fullTold = 3 * time.Second
	// The index of the write-ahead log (the -shm file) has room for this many pages of the log, then it has to grow, by
	// 32 KB.
	firstIndex = 4062
	// In the log a page has a header, and so has the file.
	walPage, walHeader = pageSize + 24, 32
)

// long takes about ten pages of the log.
var long = strings.Repeat("long ", 3000)

// TestDiskFull: the disk of a SQLite database fills up, in three ways. What is refused leaves nothing behind; reads and
// streams go on; all goes on when there is room again.
func TestDiskFull(t *testing.T) {
	d := mountDisk(t)
	program := BuildFastProgram(t) // it has tens of megabytes to write
	process := program.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+d.databaseURL())...)
	o := openOffice(t, process.Server(t))

	d.fill(t, 0)
	o.wantNothingWritten("by a file")
	o.wantServed()
	d.free(t)
	o.wantAllSent("by a file", 0)

	d.fill(t, o.fillFirstIndex(d))
	o.wantNothingWritten("where an index has to grow")
	o.wantServed()
	d.free(t)
	o.wantAllSent("where an index has to grow", 0)

	for o.say(long).Status == http.StatusCreated {
	}
	stored := o.sendKeyed("by messages") // there may be room for some of them
	o.wantServed()
	d.resize(t, largeDisk)
	o.wantAllSent("by messages", stored)
	for before := d.size(t, "parley.db"); d.size(t, "parley.db") == before; { // until the log is written back
		o.say(long).Want(http.StatusCreated)
	}
	o.wantStreamed()
	process.Stop(t)
	d.wantIntact(t)
	again := program.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+d.databaseURL())...)
	o.tom.Server = again.Server(t)
	if texts := o.tom.Texts(t, o.conversation); !slices.Equal(texts, o.stored) {
		t.Errorf("after a restart the history has %d messages, not %d", len(texts), len(o.stored))
	}
	again.Stop(t)
}

// TestStartOnAFullDisk: a server that cannot start says that the disk is full; with room it starts, and one that has
// all that it needs starts at once.
func TestStartOnAFullDisk(t *testing.T) {
	d := mountDisk(t)
	program := BuildFastProgram(t)
	start := func() *Process {
		return program.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+d.databaseURL())...)
	}
	wantFull := func(what string) {
		t.Helper()
		failed := start()
		if code := failed.Wait(t); code != 1 {
			t.Errorf("%s: the exit code is %d", what, code)
		}
		said := failed.Stderr.String()
		if !strings.Contains(said, "PARLEY_DATABASE_URL") || !strings.Contains(said, "full") || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: it said %q", what, said)
		}
	}
	d.fill(t, 0)
	wantFull("the first start")
	d.free(t)
	running := start()
	tom := running.Server(t).Login(t, "Tom", "")
	conversation := tom.Create(t)
	tom.Say(t, conversation, "first")
	running.Stop(t)
	d.fill(t, 0)
	wantFull("a start after an orderly stop")
	d.free(t)
	running = start()
	tom.On(running.Server(t)).Say(t, conversation, "second")
	d.fill(t, 0)
	running.Kill(t)
	running = start() // its files are all there, so there may be nothing to write
	if reader := tom.On(running.Server(t)); !slices.Equal(reader.Texts(t, conversation), []string{"first", "second"}) {
		t.Error("a start on a full disk shows another history")
	}
	running.Stop(t)
	d.free(t)
	d.wantIntact(t)
}

// disk is a small file system.
type disk struct{ folder string }

// mountDisk mounts one, which takes root; CI has that.
func mountDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{folder: filepath.Join(t.TempDir(), "disk")}
	if err := os.Mkdir(d.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	err := syscall.Mount("tmpfs", d.folder, "tmpfs", 0, fmt.Sprint("mode=0700,size=", diskSize))
	if err != nil {
		Missing(t, fmt.Sprintf("the right to mount a tmpfs, as root has it: %v", err))
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.folder, 0); err != nil {
			t.Error(errors.Join(err, syscall.Unmount(d.folder, syscall.MNT_DETACH))) // it must not stay
		}
	})
	return d
}

func (d *disk) path(name string) string { return filepath.Join(d.folder, name) }

func (d *disk) databaseURL() string { return "sqlite://" + d.path("parley.db") }

// fill writes a file until only so much is left.
func (d *disk) fill(t *testing.T, left int) {
	t.Helper()
	file, err := os.Create(d.path("filler"))
	if err != nil {
		t.Fatal(err)
	}
	page := make([]byte, pageSize)
	for err == nil {
		_, err = file.Write(page)
	}
	info, statErr := file.Stat()
	if statErr != nil || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(errors.Join(err, statErr))
	}
	if err := errors.Join(file.Truncate(info.Size()-int64(left)), file.Close()); err != nil {
		t.Fatal(err)
	}
}

func (d *disk) free(t *testing.T) {
	t.Helper()
	if err := os.Remove(d.path("filler")); err != nil {
		t.Fatal(err)
	}
}

func (d *disk) resize(t *testing.T, size int) {
	t.Helper()
	if err := syscall.Mount("", d.folder, "", syscall.MS_REMOUNT, fmt.Sprint("size=", size)); err != nil {
		t.Fatal(err)
	}
}

func (d *disk) size(t *testing.T, name string) int {
	t.Helper()
	info, err := os.Stat(d.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size())
}

// walPages is the length of the write-ahead log.
func (d *disk) walPages(t *testing.T) int {
	t.Helper()
	return (d.size(t, "parley.db-wal") - walHeader) / walPage
}

// wantIntact checks the database when no server has it.
func (d *disk) wantIntact(t *testing.T) {
	t.Helper()
	db := OpenSQL(t, d.databaseURL())
	db.SetMaxIdleConns(0)
	var result string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&result); err != nil || result != "ok" {
		t.Errorf("the database is not intact: %s %v", result, err)
	}
}

// office is two clients on a server whose disk fills up.
type office struct {
	t            *testing.T
	server       *Server
	tom, jerry   *Client
	conversation string
	stream       *Stream  // Jerry's, open all the time
	stored       []string // the texts that were answered 201
	shown        int      // how many of them the stream has shown
	slowest      atomic.Int64
}

func openOffice(t *testing.T, s *Server) *office {
	o := &office{t: t, server: s, tom: s.Login(t, "Tom", ""), jerry: s.Login(t, "Jerry", "")}
	o.conversation = o.tom.Create(t, "Jerry")
	o.stream = o.jerry.Listen(t, "")
	o.stream.Want("online")
	o.say("before").Want(http.StatusCreated)
	return o
}

func (o *office) path() string { return "/v1/conversations/" + o.conversation }

func (o *office) say(text string) *Answer {
	o.t.Helper()
	answer := o.tom.Do(o.t, "POST", o.path()+"/messages", JSON{"type": "text", "text": text})
	if answer.Status == http.StatusCreated {
		o.stored = append(o.stored, text)
	} else {
		wantNoRoom(o.t, answer)
	}
	return answer
}

// fillFirstIndex writes until the next transaction, whatever it is, makes the index grow. It gives how much room to leave
// on the disk so that the transaction has enough and the index has not.
func (o *office) fillFirstIndex(d *disk) (left int) {
	o.t.Helper()
	for d.walPages(o.t) < firstIndex-30 {
		o.say(long).Want(http.StatusCreated)
	}
	for d.walPages(o.t) < firstIndex-2 { // a log-in is the smallest transaction: three pages
		o.server.Login(o.t, "William", "")
	}
	if pages := d.walPages(o.t); pages > firstIndex { // that log-in had a page to split
		o.t.Logf("the index has grown already, at %d pages", pages)
		return 0
	}
	return 10 * pageSize
}

// keyedSends are made at once while the disk is full, and again with the same keys when it has room.
const keyedSends = 8

// sendKeyed sends them, and checks that the history has those that were answered 201 and no other. It gives their number.
func (o *office) sendKeyed(when string) int {
	o.t.Helper()
	var sends sync.WaitGroup
	var stored atomic.Int64
	for i := range keyedSends {
		sends.Go(func() {
			key := fmt.Sprint("sent while the disk was filled ", when, ", ", i)
			answer := o.timed(func() *Answer {
				return o.tom.Do(o.t, "POST", o.path()+"/messages", JSON{"type": "text", "text": key}, "Idempotency-Key", key)
			})
			switch answer.Status {
			case http.StatusCreated:
				stored.Add(1)
			case http.StatusOK: // stored before
			default:
				wantNoRoom(o.t, answer)
			}
		})
	}
	sends.Wait()
	texts := o.tom.Texts(o.t, o.conversation)
	if len(texts) != len(o.stored)+int(stored.Load()) || !slices.Equal(texts[:len(o.stored)], o.stored) {
		o.t.Fatalf("the history has %d messages, after %d and %d more that were stored", len(texts), len(o.stored), stored.Load())
	}
	o.stored = texts // those of now in the order that they got
	return int(stored.Load())
}

// timed makes a call and remembers how long the slowest took.
func (o *office) timed(call func() *Answer) *Answer {
	begun := time.Now()
	answer := call()
	took := int64(time.Since(begun))
	for slowest := o.slowest.Load(); took > slowest && !o.slowest.CompareAndSwap(slowest, took); slowest = o.slowest.Load() {
	}
	return answer
}

func wantNoRoom(t *testing.T, answer *Answer) {
	t.Helper()
	if answer.Status != http.StatusServiceUnavailable && answer.Status != http.StatusInsufficientStorage || answer.Header.Get("Retry-After") == "" {
		t.Errorf("on a full disk answered %d, Retry-After %q: %s", answer.Status, answer.Header.Get("Retry-After"), answer.Body)
	}
}

// wantNothingWritten: on the full disk no write is done, and each is answered in time.
func (o *office) wantNothingWritten(when string) {
	o.t.Helper()
	writes := []func() *Answer{
		func() *Answer {
			return o.tom.Do(o.t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry", "Mary"}})
		},
		func() *Answer {
			return o.tom.Do(o.t, "POST", o.path()+"/members", JSON{"members": []string{"William"}})
		},
		func() *Answer { return o.tom.Do(o.t, "PATCH", o.path(), JSON{"name": when}) },
		func() *Answer {
			return o.server.AppKeyHolder(o.t).Do(o.t, "POST", "/v1/sessions", JSON{"clientId": "Mary", "tag": "phone"})
		},
	}
	for range 25 { // each is a transaction of its own, so the last waits for all
		writes = append(writes, writes[0])
	}
	o.slowest.Store(0)
	var all sync.WaitGroup
	for _, write := range writes {
		all.Go(func() { wantNoRoom(o.t, o.timed(write)) })
	}
	if stored := o.sendKeyed(when); stored > 0 {
		o.t.Errorf("on a full disk %d sends were stored", stored)
	}
	all.Wait()
	took := time.Duration(o.slowest.Load())
	o.t.Logf("a disk filled %s was told in %v", when, took.Round(time.Millisecond))
	if took > Promise(fullTold) {
		o.t.Errorf("a disk filled %s was told in %v", when, took)
	}
	o.wantUnchanged()
}

// wantServed: reads and streams go on.
func (o *office) wantServed() {
	o.t.Helper()
	o.wantUnchanged()
	o.wantStreamed()
	o.tom.Do(o.t, "POST", o.path()+"/messages", JSON{"type": "typing", "transient": true}).Want(http.StatusAccepted)
	if event := o.stream.Want("message"); event.Data["type"] != "typing" {
		o.t.Errorf("the stream shows %s", event.Raw)
	}
	resumed := o.jerry.Listen(o.t, "0")
	resumed.Want("invited")
	for _, text := range o.stored {
		if event := resumed.Want("message"); event.Data["text"] != text {
			o.t.Fatalf("a stream that resumes shows %.100s, not %.20s", event.Raw, text)
		}
	}
	resumed.Want("reconnect")
	resumed.Cut()
}

// wantUnchanged: the conversations are those that were made, and as they were.
func (o *office) wantUnchanged() {
	o.t.Helper()
	conversation := o.tom.Do(o.t, "GET", o.path(), nil).Want(http.StatusOK).Object()
	if conversation["name"] != nil || conversation["memberCount"] != float64(2) {
		o.t.Errorf("the conversation is now %v", conversation)
	}
	all := o.tom.Do(o.t, "GET", "/v1/conversations?limit=100", nil).Want(http.StatusOK).Object()["conversations"].([]any)
	if len(all) != 1 {
		o.t.Errorf("there are %d conversations, and one was made", len(all))
	}
}

// wantStreamed: the stream that was open all the time shows what was stored, once and in order.
func (o *office) wantStreamed() {
	o.t.Helper()
	for ; o.shown < len(o.stored); o.shown++ {
		if event := o.stream.Want("message"); event.Data["text"] != o.stored[o.shown] {
			o.t.Fatalf("the stream shows %.100s, not %.20s", event.Raw, o.stored[o.shown])
		}
	}
}

// wantAllSent: with room again, and without a restart, what was refused is stored when it is sent again.
func (o *office) wantAllSent(when string, already int) {
	o.t.Helper()
	Eventually(o.t, "a send is stored again", func() bool { return o.say("there is room again").Status == http.StatusCreated })
	if stored := o.sendKeyed(when); stored != keyedSends-already {
		o.t.Errorf("with room again %d sends were stored, after %d of %d", stored, already, keyedSends)
	}
	o.wantServed()
}
