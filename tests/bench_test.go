package tests

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	. "parley/tests/harness"
)

// bareServer is the floor for files: a body is copied to a file, a file is copied to an answer, and nothing else is done.
func bareServer(b *testing.B) *httptest.Server {
	folder := b.TempDir()
	var uploads atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			http.ServeFile(w, r, filepath.Join(folder, "1"))
			return
		}
		f, err := os.Create(filepath.Join(folder, fmt.Sprint(uploads.Add(1))))
		if err == nil {
			_, err = io.Copy(f, r.Body)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	b.Cleanup(server.Close)
	return server
}

// BenchmarkFile8MB is an upload and a reading of 8 MB beside bare net/http and a file copy, taken in turns so that both
// have the same machine: milliseconds of each (medians), and how many times the bare one ours takes.
func BenchmarkFile8MB(b *testing.B) {
	data := RandomBytes(8 << 20)
	for _, store := range []string{"folder", "s3"} {
		b.Run(store, func(b *testing.B) {
			files := Folder(b).URL
			if store == "s3" {
				files = StartS3(b).FilesURL()
			}
			s, bare := Start(b, SQLite(b), inStore(FileStore{URL: files})), bareServer(b)
			tom := s.Login(b, "Tom", "")
			url := tom.Keep(b, "a.bin", data)["url"].(string)
			call := func(method, url string, body io.Reader, headers ...string) time.Duration {
				begun := time.Now()
				request, err := http.NewRequest(method, url, body)
				if err != nil {
					b.Fatal(err)
				}
				for i := 0; i+1 < len(headers); i += 2 {
					request.Header.Set(headers[i], headers[i+1])
				}
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					b.Fatal(err)
				}
				defer response.Body.Close()
				n, err := io.Copy(io.Discard, response.Body)
				if err != nil || response.StatusCode >= 300 || method == "GET" && n != int64(len(data)) {
					b.Fatalf("%s answered %s with %d bytes, %v", url, response.Status, n, err)
				}
				return time.Since(begun)
			}
			form := slices.Concat([]byte(FormHead), data, []byte(FormTail))
			tries := map[string][2]func() time.Duration{
				"upload": {
					func() time.Duration { return call("POST", bare.URL, bytes.NewReader(data)) },
					func() time.Duration {
						return call("POST", s.URL+"/v1/files", bytes.NewReader(form), "Authorization", "Bearer "+tom.Token, "Content-Type", "multipart/form-data; boundary=x")
					}},
				"read": {
					func() time.Duration { return call("GET", bare.URL, nil) },
					func() time.Duration { return call("GET", url, nil) }},
			}
			defer http.DefaultClient.CloseIdleConnections()
			tries["upload"][0]() // the bare one's file to read
			for _, name := range []string{"upload", "read"} {
				b.Run(name, func(b *testing.B) {
					var times [2][]time.Duration
					for b.Loop() {
						for i, try := range tries[name] {
							times[i] = append(times[i], try())
						}
					}
					floor, ours := median(times[0]), median(times[1])
					b.ReportMetric(floor.Seconds()*1000, "bare-ms")
					b.ReportMetric(ours.Seconds()*1000, "ms")
					b.ReportMetric(float64(ours)/float64(floor), "times-bare")
				})
			}
		})
	}
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
