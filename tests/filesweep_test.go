package tests

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// TestFilesThatNoMessageNamesAreSwept: after a day, with their bytes; what a message names stays until its conversation
// is gone, and a day longer.
func TestFilesThatNoMessageNamesAreSwept(t *testing.T) {
	FileStores(t, func(t *testing.T, db string, files FileStore) {
		s := Start(t, db, inStore(files))
		tom := s.Login(t, "Tom", "")
		first, second := tom.Create(t, "Jerry"), tom.Create(t)
		unused, named, twice := tom.Keep(t, "unused", []byte("u")), tom.Keep(t, "named", []byte("n")), tom.Keep(t, "twice", []byte("t"))
		link := tom.Do(t, "POST", "/v1/files", JSON{"url": "https://example.org/x"}).Want(201).Object()
		for conversation, ids := range map[string][]any{first: {named["id"], twice["id"], twice["id"]}, second: {twice["id"]}} {
			for _, id := range ids {
				tom.Send(t, conversation, JSON{"type": "file", "file": JSON{"id": id}})
			}
		}
		there := func(record JSON, want bool) {
			t.Helper()
			status, code := 404, "file_not_found"
			if want {
				status, code = 200, ""
			}
			for _, path := range []string{"", "/content"} {
				if path != "" && record["url"] == "https://example.org/x" {
					continue
				}
				answer := s.Master(t, "").Do(t, "GET", "/v1/files/"+record["id"].(string)+path, nil).Want(status)
				if code != "" {
					answer.WantProblem(status, code, "")
				}
			}
		}
		now := time.Now()
		files.SweepAt(t, db, now.Add(23*time.Hour))
		for _, record := range []JSON{unused, named, twice, link} {
			there(record, true)
		}
		files.SweepAt(t, db, now.Add(25*time.Hour))
		there(unused, false)
		there(link, false)
		there(named, true)
		there(twice, true)
		s.Master(t, "").Do(t, "DELETE", "/v1/conversations/"+first, nil).Want(204)
		files.SweepAt(t, db, now.Add(26*time.Hour)) // its messages go, and from now on the file is unused
		there(named, true)
		s.Fetch(t, named["url"]).Want(200)
		files.SweepAt(t, db, now.Add(49*time.Hour))
		there(named, true)
		files.SweepAt(t, db, now.Add(51*time.Hour))
		there(named, false)
		s.Fetch(t, named["url"]).WantProblem(404, "file_not_found", "")
		there(twice, true) // the other conversation names it
		files.WantStored(t, db, 1)
		tom.Send(t, second, JSON{"type": "file", "file": JSON{"id": twice["id"]}})
	})
}

// TestSweepGoesOnAfterTheStoreWasAway: what could not be removed keeps its row, and goes at a later turn.
func TestSweepGoesOnAfterTheStoreWasAway(t *testing.T) {
	t.Parallel()
	s3, db := StartS3(t), SQLite(t)
	files := FileStore{URL: s3.FilesURL(), Folder: s3.Folder}
	s := Start(t, db, inStore(files))
	tom := s.Login(t, "Tom", "")
	for i := range 3 {
		tom.Keep(t, fmt.Sprint(i), []byte("x"))
	}
	s.Stop(t)
	s3.Kill(t)
	files.SweepAt(t, db, time.Now().Add(25*time.Hour))
	tables := OpenSQL(t, db)
	var rows int
	if err := tables.QueryRow("SELECT COUNT(*) FROM files WHERE state = 'removing'").Scan(&rows); err != nil || rows != 3 {
		t.Fatalf("%d files wait, %v", rows, err)
	}
	s3.Start(t)
	files.SweepAt(t, db, time.Now().Add(25*time.Hour))
	files.WantStored(t, db, 0)
}

// TestNoMessageNamesAFileThatTheSweepTook: while one node sweeps what has just been uploaded, as if it were a day old,
// others send it. Whatever is answered 201 keeps its file.
func TestNoMessageNamesAFileThatTheSweepTook(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		files := Folder(t)
		s := Start(t, db, inStore(files))
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t)
		var kept, gone atomic.Int64
		var done atomic.Bool
		sweeping := make(chan struct{})
		go func() {
			defer close(sweeping)
			for !done.Load() {
				files.SweepAt(t, db, time.Now().Add(25*time.Hour))
			}
		}()
		parallel(4, func(worker int) {
			for i := range 40 {
				name := fmt.Sprint(worker, " ", i)
				upload := tom.Upload(t, name, []byte(name))
				if upload.Status == 503 { // swept while it came in
					gone.Add(1)
					continue
				}
				answer := tom.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "file", "file": JSON{"id": upload.Want(201).Object()["id"]}})
				switch answer.Status {
				case 201:
					kept.Add(1)
				case 404:
					answer.WantProblem(404, "file_not_found", "")
					gone.Add(1)
				default:
					t.Errorf("answered %d: %s", answer.Status, answer.Body)
				}
			}
		})
		done.Store(true)
		<-sweeping
		files.SweepAt(t, db, time.Now().Add(25*time.Hour))
		for _, m := range tom.History(t, conversation) {
			file := m["file"].(JSON)
			bytesAre(t, s.Fetch(t, file["url"]).Want(200), []byte(file["name"].(string)))
		}
		t.Logf("%d were sent in time, %d were gone", kept.Load(), gone.Load())
		files.WantStored(t, db, int(kept.Load()))
	})
}

// TestFilesAreCounted: on /metrics.
func TestFilesAreCounted(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), func(c *app.Config) { c.MaxFileBytes = 1000 })
	tom := s.Login(t, "Tom", "")
	tom.Keep(t, "a", make([]byte, 700))
	tom.Upload(t, "b", make([]byte, 1001)).Want(413)
	tom.Keep(t, "c", make([]byte, 300))
	values := Metrics(t, s.URL)
	if values["parley_uploaded_bytes_total"] != 1000 {
		t.Errorf("%v bytes were counted", values["parley_uploaded_bytes_total"])
	}
	for name := range values {
		if strings.HasPrefix(name, "parley_swept_files_total") && values[name] != 0 {
			t.Errorf("%s is %v", name, values[name])
		}
	}
}
