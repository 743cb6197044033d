package models

import (
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MessageFile is the file of a media message: what is in the file's record, as it was when the message was sent, or a
// link that the message itself brings. A record never changes, so the copy stays true.
type MessageFile struct {
	ID       string `json:"id,omitzero" example:"dc26fs9ksducs2s136s0" validate:"optional"` // of the record; absent where the message brought the link itself
	URL      string `json:"url" example:"http://127.0.0.1:8080/v1/files/dc26fs9ksducs2s136s0/content?token=AAAAAWlx…"`
	Name     string `json:"name" example:"cheese.png"`
	MimeType string `json:"mimeType" example:"image/png"`
	Size     *int64 `json:"size" extensions:"x-nullable" format:"int64" example:"48213"` // bytes; null: a link whose size nobody said
	Metadata JSON   `json:"metadata" swaggertype:"object"`                               // measured: size, format, width, height in pixels, duration in seconds; and the uploader's own
	isStored bool   // the bytes are here, so the url is made anew for every answer
}

// storedMessageFile is how a MessageFile stands in the database.
type storedMessageFile struct {
	ID       string `json:"id,omitzero"`
	Link     string `json:"link,omitzero"` // absent: the bytes are here
	Name     string `json:"name"`
	MimeType string `json:"mimeType"`
	Size     *int64 `json:"size,omitzero"`
	Metadata JSON   `json:"metadata"`
}

// stored tells whether the file's bytes are here.
func (f *MessageFile) stored() bool { return f.isStored }

func (f *File) inMessage() *MessageFile {
	m := &MessageFile{ID: f.ID, Name: f.Name, MimeType: f.MimeType, Size: f.Size, Metadata: f.Metadata, isStored: f.Link == nil}
	if f.Link != nil {
		m.URL = *f.Link
	}
	return m
}

// size is about what the file takes in memory and on a stream.
func (f *MessageFile) size() int {
	if f == nil {
		return 0
	}
	return len(f.URL) + len(f.Name) + len(f.Metadata) + 256 // the other fields
}

// MarshalJSONTo writes the file as readers see it; one without a url is a mistake of ours and not shown.
func (f *MessageFile) MarshalJSONTo(enc *jsontext.Encoder) error {
	if f.URL == "" {
		return errors.New("a message's file has not been given its url")
	}
	type plain MessageFile
	return json.MarshalEncode(enc, (*plain)(f))
}

// Value stores the file as JSON text.
func (f MessageFile) Value() (driver.Value, error) {
	stored := storedMessageFile{ID: f.ID, Name: f.Name, MimeType: f.MimeType, Size: f.Size, Metadata: f.Metadata}
	if !f.isStored {
		stored.Link = f.URL
	}
	text, err := json.Marshal(stored)
	return string(text), err
}

// Scan reads what Value stored.
func (f *MessageFile) Scan(value any) error {
	var stored storedMessageFile
	if err := scanJSON(value, &stored); err != nil {
		return err
	}
	*f = MessageFile{ID: stored.ID, URL: stored.Link, Name: stored.Name, MimeType: stored.MimeType, Size: stored.Size,
		Metadata: stored.Metadata, isStored: stored.Link == ""}
	return nil
}

// scanJSON reads a column of JSON text.
func scanJSON(value, into any) error {
	switch text := value.(type) {
	case string:
		return json.Unmarshal([]byte(text), into)
	case []byte:
		return json.Unmarshal(text, into)
	}
	return fmt.Errorf("the column holds JSON text, not %T", value)
}

// Location is the place of a location message, in degrees (WGS 84).
type Location struct {
	Latitude  float64 `json:"latitude" minimum:"-90" maximum:"90" example:"37.7749"`
	Longitude float64 `json:"longitude" minimum:"-180" maximum:"180" example:"-122.4194"`
}

// Value stores the place as JSON text.
func (l Location) Value() (driver.Value, error) {
	text, err := json.Marshal(l)
	return string(text), err
}

// Scan reads what Value stored.
func (l *Location) Scan(value any) error { return scanJSON(value, l) }

// DraftFile is the file of a message as its sender names it: by the id of a record, or by a link.
type DraftFile struct {
	ID       string
	URL      string
	Name     string // of a link; empty: the end of its path
	Metadata JSON   // of a link
}

// DraftLocation is a place as its sender gives it; nil is what was left out.
type DraftLocation struct{ Latitude, Longitude *float64 }

// check tells what is wrong with the file of a draft, and gives what a link becomes; nil for a record, which the
// transaction looks up.
func (d *DraftFile) check() (*MessageFile, error) {
	switch {
	case d.ID != "" && d.URL != "":
		return nil, Invalidf("file.url", "belongs to a link; a file that is named by its id has its own")
	case d.ID != "" && (d.Name != "" || d.Metadata != ""):
		return nil, Invalidf("file.id", "names a file that has its own name and metadata; leave them out")
	case d.ID != "":
		return nil, nil
	case d.URL == "":
		return nil, Invalidf("file", "must have the id of a file, or a url")
	}
	link, err := newLink("file.", d.URL, d.Name, d.Metadata)
	if err != nil {
		return nil, err
	}
	return link.inMessage(), nil
}

func (d *DraftLocation) check() (*Location, error) {
	switch {
	case d.Latitude == nil:
		return nil, Invalidf("location.latitude", "is required")
	case d.Longitude == nil:
		return nil, Invalidf("location.longitude", "is required")
	case *d.Latitude < -90 || *d.Latitude > 90:
		return nil, Invalidf("location.latitude", "must be a number from -90 to 90")
	case *d.Longitude < -180 || *d.Longitude > 180:
		return nil, Invalidf("location.longitude", "must be a number from -180 to 180")
	}
	return &Location{Latitude: *d.Latitude, Longitude: *d.Longitude}, nil
}

// sameFile tells whether a repeated send names the file that the stored message has.
func sameFile(d *Draft, m *Message) bool {
	switch {
	case d.File == nil || m.File == nil:
		return d.File == nil && m.File == nil
	case d.File.ID != "":
		return d.File.ID == m.File.ID
	}
	return m.File.ID == "" && d.link.URL == m.File.URL && d.link.Name == m.File.Name && d.link.Metadata.Equal(m.File.Metadata)
}

// sameLocation likewise.
func sameLocation(d *Draft, m *Message) bool {
	if d.place == nil || m.Location == nil {
		return d.place == nil && m.Location == nil
	}
	return *d.place == *m.Location
}
