package faults

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	. "parley/tests/harness"
)

// zeros is a body of unknown length that gives bytes for as long as it is asked, and counts them.
type zeros struct{ left, sent int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	z.left, z.sent = z.left-n, z.sent+n
	return int(n), nil
}

// TestGigabyteToAServerThatTakes32MB: it is refused when the limit is passed, costs no memory, and nothing of it is kept.
func TestGigabyteToAServerThatTakes32MB(t *testing.T) {
	const limit = 5 << 20 // memory that it may cost
	p := BuildFastProgram(t)
	FileStores(t, func(t *testing.T, db string, files FileStore) {
		process := p.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+db, "PARLEY_FILES_URL="+files.URL)...)
		tom := process.Server(t).Login(t, "Tom", "")
		tom.Keep(t, "warm up", RandomBytes(1<<20))
		body := &zeros{left: 1 << 30}
		grown := process.GrowthDuring(t, func() {
			answer, err := tom.UploadFrom(t, io.MultiReader(strings.NewReader(FormHead), body))
			if err != nil {
				t.Error(err)
				return
			}
			answer.WantProblem(http.StatusRequestEntityTooLarge, "body_too_large", "")
		})
		t.Logf("refused after %d MB, memory up by %d KB", body.sent>>20, grown>>10)
		if body.sent > 128<<20 {
			t.Errorf("it was answered after %d bytes", body.sent)
		}
		if grown > limit {
			t.Errorf("memory went up by %d bytes", grown)
		}
		files.WantStored(t, db, 1)
	})
}

// TestManyLargeUploadsAtOnce: all are there, with the bytes that were sent, and memory stays level: it grows with the
// connections and not with the files.
func TestManyLargeUploadsAtOnce(t *testing.T) {
	const perUpload = 400 << 10 // a connection with its buffers; a file has 5 to 20 times as much
	uploads, size := pick(40, 200), pick(2<<20, 8<<20)
	p := BuildFastProgram(t)
	FileStores(t, func(t *testing.T, db string, files FileStore) {
		process := p.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+db, "PARLEY_FILES_URL="+files.URL)...)
		s := process.Server(t)
		tom := s.Login(t, "Tom", "")
		common := RandomBytes(size)
		tom.Keep(t, "warm up", common)
		urls, begun := make([]any, uploads), time.Now()
		grown := process.GrowthDuring(t, func() {
			var wait sync.WaitGroup
			for i := range urls {
				wait.Go(func() {
					answer, err := tom.UploadFrom(t, io.MultiReader(strings.NewReader(FormHead), bytes.NewReader(common), strings.NewReader(fmt.Sprint(i)+FormTail)))
					if err != nil || answer.Status != http.StatusCreated {
						t.Errorf("upload %d: %+v, %v", i, answer, err)
						return
					}
					urls[i] = answer.Object()["url"]
				})
			}
			wait.Wait()
		})
		t.Logf("%d uploads of %d MB took %v, memory up by %d KB", uploads, size>>20, time.Since(begun).Round(time.Millisecond), grown>>10)
		if grown > int64(uploads)*perUpload {
			t.Errorf("memory went up by %d bytes", grown)
		}
		for i, url := range urls {
			if url == nil {
				continue
			}
			got, want := sha256.Sum256(s.Fetch(t, url).Want(200).Body), sha256.Sum256(append(bytes.Clone(common), fmt.Sprint(i)...))
			if got != want {
				t.Errorf("upload %d came back with another hash", i)
			}
		}
		files.WantStored(t, db, uploads+1)
	})
}

// TestKilledInTheMiddleOfUploads: no half file is ever served, and the sweep removes what is left.
func TestKilledInTheMiddleOfUploads(t *testing.T) {
	rounds := pick(1, 20)
	p := BuildProgram(t)
	FileStores(t, func(t *testing.T, db string, files FileStore) {
		variables := append(FixedKeys(), "PARLEY_DATABASE_URL="+db, "PARLEY_FILES_URL="+files.URL)
		process := p.Start(t, variables...)
		data, tables := RandomBytes(1<<20), OpenSQL(t, db)
		for range rounds {
			s := process.Server(t)
			tom := s.Login(t, "Tom", "")
			kept := tom.Keep(t, "whole", data)
			for range 4 {
				tom.BeginUpload(t, data)
			}
			half := func() (ids []string) {
				rows, err := tables.Query("SELECT id FROM files WHERE state = 'uploading'")
				if err != nil {
					t.Fatal(err)
				}
				defer rows.Close()
				for rows.Next() {
					var id string
					if err := rows.Scan(&id); err != nil {
						t.Fatal(err)
					}
					ids = append(ids, id)
				}
				return ids
			}
			Eventually(t, "four uploads are on their way", func() bool { return len(half()) == 4 })
			process.Kill(t)
			process = p.Start(t, variables...)
			master := process.Server(t).Master(t, "")
			for _, id := range half() {
				master.Do(t, "GET", "/v1/files/"+id, nil).WantProblem(404, "file_not_found", "")
				master.Do(t, "GET", "/v1/files/"+id+"/content", nil).WantProblem(404, "file_not_found", "")
			}
			whole := master.Do(t, "GET", "/v1/files/"+kept["id"].(string)+"/content", nil).Want(200)
			if !bytes.Equal(whole.Body, data) {
				t.Errorf("the whole file came back with %d bytes", len(whole.Body))
			}
			files.SweepAt(t, db, time.Now().Add(23*time.Hour))
			if left := half(); len(left) != 4 {
				t.Errorf("%d uploads are left, of which each may still be on its way", len(left))
			}
			files.SweepAt(t, db, time.Now().Add(25*time.Hour))
			files.WantStored(t, db, 0) // the whole one, too: no message has named it
		}
	})
}
