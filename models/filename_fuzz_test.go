package models

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"parley/models/media"
)

// FuzzCleanFileName: what is kept of a name is safe everywhere, and cleaning it again changes nothing.
func FuzzCleanFileName(f *testing.F) {
	for _, seed := range []string{"cheese.png", "../../etc/passwd", `C:\x\..`, "\x00\x1b[31m", "photo\u202egnp.exe", "\xff", " . ", "旧金山", "a\u0301", "\u2028x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean, err := cleanFileName(name)
		if err != nil {
			if utf8.RuneCountInString(name) <= maxName {
				t.Errorf("%q was refused: %v", name, err)
			}
			return
		}
		unsafe := func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '/' || r == '\\'
		}
		if clean == "" || strings.Trim(clean, ". ") == "" || !utf8.ValidString(clean) || strings.ContainsFunc(clean, unsafe) || utf8.RuneCountInString(clean) > maxName {
			t.Errorf("%q became %q", name, clean)
		}
		if again, err := cleanFileName(clean); err != nil || again != clean {
			t.Errorf("%q became %q, and then %q (%v)", name, clean, again, err)
		}
	})
}

// FuzzLink: a link that is taken has a name and a type, and is for a browser to follow.
func FuzzLink(f *testing.F) {
	for _, seed := range []string{"https://example.org/a.png", "http://[::1]:80/%2F..", "https://example.org/a%00b", "javascript:alert(1)", "https://example.org/\u202e.exe", "HTTP://X"} {
		f.Add(seed, `{"size":3}`)
	}
	f.Fuzz(func(t *testing.T, link, metadata string) {
		if !jsontext.Value(metadata).IsValid() {
			return // the decoder has refused it
		}
		file, err := newLink("", link, "", JSON(metadata))
		if err != nil {
			return
		}
		if lower := strings.ToLower(link); !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") {
			t.Errorf("%q was taken", link)
		}
		if file.Name == "" || file.MimeType == "" || !file.Metadata.IsObject() {
			t.Errorf("%q became %+v", link, file)
		}
	})
}

// FuzzMeasuredOverSaid: whatever the client says, the result is an object in which the measured stands.
func FuzzMeasuredOverSaid(f *testing.F) {
	f.Add(`{"width":"x","album":1}`, 3, 1.5)
	f.Fuzz(func(t *testing.T, said string, width int, duration float64) {
		if !jsontext.Value(said).IsValid() || jsontext.Value(said).Kind() != '{' {
			return
		}
		merged, err := withMeasured(JSON(said), 7, media.Info{Format: "png", Width: width, Height: width, Duration: duration})
		if err != nil {
			t.Fatalf("%v of %q", err, said)
		}
		if size := saidSize(merged); size == nil || *size != 7 {
			t.Errorf("%q became %q", said, merged)
		}
	})
}

// FuzzFileToken: no token but the one that was made is good, and no other spelling of it.
func FuzzFileToken(f *testing.F) {
	s, err := Open(f.Context(), "sqlite://"+f.TempDir()+"/p.db", Options{Clock: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	app, _, err := s.Bootstrap(f.Context(), Credentials{SigningSecret: strings.Repeat("s", 32)})
	if err != nil {
		f.Fatal(err)
	}
	good := s.fileToken(app, "file")
	for _, seed := range []string{good, good + "=", good + "\n", good[:9] + "\r" + good[9:], "", strings.Repeat("A", 32), good[:31] + "A", base64.RawURLEncoding.EncodeToString(make([]byte, 24))} {
		f.Add("file", seed)
	}
	f.Fuzz(func(t *testing.T, id, token string) {
		_, _, err := s.verifyFileToken(t.Context(), id, token)
		if isGood := id == "file" && token == good; (err == nil) != isGood {
			t.Errorf("%q for %q: %v", token, id, err)
		}
	})
}
