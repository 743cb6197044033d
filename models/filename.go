package models

import (
	"math"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/models/media"
)

const (
	// unnamed is the name of a file that came without one, or with nothing that a name can be made of.
	unnamed = "file"
	// What a file's uploader may say of it, in bytes of JSON: it goes into every message that names the file.
	maxFileMetadata = 8192
	// As long as browsers and proxies take.
	maxLink = 2048
)

// cleanFileName makes a name that is safe to save under, to show and to put into a header: without a path, control
// characters and marks that turn the direction of a text ("exe.gpj" for "gpj.exe").
func cleanFileName(name string) (string, error) {
	name = strings.ToValidUTF8(name, "\uFFFD")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, name)
	name = strings.TrimSpace(name)
	if strings.Trim(name, ". ") == "" {
		name = unnamed
	}
	if utf8.RuneCountInString(name) > maxName {
		return "", Invalidf("name", "must be at most %d characters long", maxName)
	}
	return name, nil
}

// linkName is the name of a link that came without one: the end of its path, or else its host.
func linkName(link *url.URL) string {
	if base := path.Base(link.Path); base != "." && base != "/" {
		return string([]rune(base)[:min(maxName, utf8.RuneCountInString(base))])
	}
	return link.Hostname()
}

// checkLink tells what is wrong with the URL of what lives elsewhere. A user name in it is either a secret that every reader
// would be shown, or there to make the host look like another one.
func checkLink(field, link string) (*url.URL, error) {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || len(link) > maxLink || !utf8.ValidString(link) ||
		strings.ContainsFunc(link, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return nil, Invalidf(field, "must be an http or https URL of at most %d bytes, without a user name", maxLink)
	}
	return u, nil
}

// unknownType is the type of what nobody knows (RFC 2046, section 4.5.1).
const unknownType = "application/octet-stream"

// linkType guesses the type of what lives elsewhere by the end of its path; nobody measures it.
func linkType(link *url.URL) string {
	switch strings.ToLower(path.Ext(link.Path)) {
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".png", ".gif", ".webp", ".bmp", ".heic", ".avif":
		return "image/" + strings.ToLower(path.Ext(link.Path))[1:]
	case ".svg":
		return "image/svg+xml"
	case ".mp3":
		return "audio/mpeg"
	case ".m4a":
		return "audio/mp4"
	case ".wav", ".ogg", ".flac", ".aac":
		return "audio/" + strings.ToLower(path.Ext(link.Path))[1:]
	case ".opus":
		return "audio/ogg"
	case ".mp4", ".m4v":
		return "video/mp4"
	case ".mov":
		return "video/quicktime"
	case ".webm":
		return "video/webm"
	case ".pdf":
		return "application/pdf"
	case ".zip":
		return "application/zip"
	case ".txt":
		return "text/plain"
	}
	return unknownType
}

// checkMetadata tells what is wrong with what a client says of a file, and fills in what was left out.
func checkMetadata(field string, metadata *JSON) error {
	switch {
	case *metadata == "" || *metadata == "null":
		*metadata = "{}"
	case !metadata.IsObject():
		return Invalidf(field, "must be a JSON object")
	case len(*metadata) > maxFileMetadata:
		return Invalidf(field, "must be at most %d bytes of JSON", maxFileMetadata)
	}
	return nil
}

// withMeasured puts what was measured over what the client said: what could be measured is not a matter of opinion.
func withMeasured(said JSON, size int64, info media.Info) (JSON, error) {
	all := map[string]jsontext.Value{}
	if err := json.Unmarshal([]byte(said), &all); err != nil {
		return "", err
	}
	measured := map[string]any{"size": size}
	if info.Format != "" {
		measured["format"] = info.Format
	}
	if info.Width > 0 && info.Height > 0 {
		measured["width"], measured["height"] = info.Width, info.Height
	}
	if info.Duration > 0 {
		measured["duration"] = math.Round(info.Duration*1000) / 1000
	}
	for name, value := range measured {
		text, err := json.Marshal(value)
		if err != nil {
			return "", err
		}
		all[name] = text
	}
	text, err := json.Marshal(all, json.Deterministic(true))
	return JSON(text), err
}

// saidSize is the size of what lives elsewhere, where the client says it in the metadata.
func saidSize(metadata JSON) *int64 {
	var said struct {
		Size *int64 `json:"size"`
	}
	if json.Unmarshal([]byte(metadata), &said) != nil || said.Size == nil || *said.Size < 0 {
		return nil // absent, or of the client's own meaning
	}
	return said.Size
}
