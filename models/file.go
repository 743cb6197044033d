package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"parley/models/blobs"
)

// fileState is where a file's row stands.
type fileState string

// The states of a file. Only a ready one is known to the API.
const (
	fileUploading fileState = "uploading" // its bytes are on their way, or were cut off
	fileReady     fileState = "ready"
	fileRemoving  fileState = "removing" // the sweep has taken it; its bytes may be gone
)

// File is what was uploaded once and never changes, or a link to what lives elsewhere, as it is stored and as the API
// shows it.
type File struct {
	AppID       uint32     `json:"-" gorm:"primaryKey;autoIncrement:false"`
	ID          string     `json:"id" gorm:"primaryKey" example:"dc26fs9ksducs2s136s0"`
	State       fileState  `json:"-"`
	Uploader    *string    `json:"-"` // nil: the app's own server
	URL         string     `json:"url" gorm:"-" example:"http://127.0.0.1:8080/v1/files/dc26fs9ksducs2s136s0/content?token=AAAAAWlx…"`
	Name        string     `json:"name" example:"cheese.png"`
	MimeType    string     `json:"mimeType" example:"image/png"`
	Size        *int64     `json:"size" extensions:"x-nullable" format:"int64" example:"48213"` // bytes; null: a link whose size nobody said
	Link        *string    `json:"-"`
	Metadata    JSON       `json:"metadata" swaggertype:"object"` // measured: size, format, width, height in pixels, duration in seconds; and the uploader's own
	CreatedAt   Timestamp  `json:"createdAt" gorm:"autoCreateTime:false" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
	UnusedSince *Timestamp `json:"-"` // since when no message names it; changed under the app's counter row alone, once it is ready
} //	@name	FileRecord

// key is where a file's bytes are in the store of the files.
func (f *File) key() string { return fileKey(f.AppID, f.ID) }

// fileKey spreads an app's files over a thousand folders, because a folder of a million files is slow to list: the
// letters of an id (rs/xid) before its last count up.
func fileKey(appID uint32, id string) string {
	last := max(len(id)-1, 0)
	return fmt.Sprintf("%d/%s/%s", appID, id[max(last-2, 0):last], id)
}

// File reads a file's record, for who may read the file: its uploader, the members of a conversation in which it was
// sent, and the app's own server.
func (s *Store) File(ctx context.Context, by Actor, id string) (*File, error) {
	f, err := s.readableFile(ctx, by, id)
	if err != nil {
		return nil, err
	}
	return f, s.linkFile(ctx, f)
}

// readableFile reads a file's row and decides whether the actor may read the file.
func (s *Store) readableFile(ctx context.Context, by Actor, id string) (*File, error) {
	db := s.read.WithContext(ctx)
	f, err := findFile(db, by.App.ID, id)
	if err != nil {
		return nil, asUnavailable(ctx, err)
	}
	if f == nil {
		return nil, errFileNotFound()
	}
	if by.mayReadFile(f, false) == nil {
		return f, nil
	}
	shown, err := fileReader{id, by.ClientID}.isShown(db, by.App.ID)
	if err == nil {
		err = by.mayReadFile(f, shown)
	}
	return f, asUnavailable(ctx, err)
}

func findFile(db *gorm.DB, appID uint32, id string) (*File, error) {
	f := &File{}
	err := db.Where("app_id = ? AND id = ? AND state = ?", appID, id, fileReady).Take(f).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	return f, err
}

// fileReader is a client that asks for a file.
type fileReader struct{ fileID, clientID string }

// isShown tells whether a client is inside a conversation, or a chat room, in which the file it asks for was sent, or whether
// it was sent to the client by its name or to everyone.
func (r fileReader) isShown(db *gorm.DB, appID uint32) (bool, error) {
	var places []string
	err := db.Raw("SELECT f.conversation_id FROM message_files f JOIN members m ON m.app_id = f.app_id AND m.conversation_id = f.conversation_id "+
		"WHERE f.app_id = ? AND f.file_id = ? AND m.client_id = ? AND "+alive(db, "m")+" "+
		"UNION ALL SELECT f.conversation_id FROM message_files f JOIN room_sessions s ON s.app_id = f.app_id AND s.conversation_id = f.conversation_id "+
		"WHERE f.app_id = ? AND f.file_id = ? AND s.client_id = ? AND s.left_at = 0 "+
		"UNION ALL SELECT f.conversation_id FROM message_files f JOIN messages b ON b.app_id = f.app_id AND b.conversation_id = f.conversation_id AND b.seq = f.seq "+
		"WHERE f.app_id = ? AND f.file_id = ? AND b.audience = ? "+
		"UNION ALL SELECT f.conversation_id FROM message_files f JOIN personal_messages p ON p.app_id = f.app_id AND p.seq = f.seq "+
		"WHERE f.app_id = ? AND f.file_id = ? AND p.client_id = ? LIMIT 1",
		appID, r.fileID, r.clientID, appID, r.fileID, r.clientID, appID, r.fileID, ToEveryone, appID, r.fileID, r.clientID).Find(&places).Error
	return len(places) > 0, err
}

// ReadFile opens a stored file's bytes; ctx bounds the reading. A link has none.
func (s *Store) ReadFile(ctx context.Context, f *File) (blobs.Content, error) {
	content, err := s.fileStore().Read(ctx, f.key(), *f.Size)
	if err != nil {
		return nil, s.FileFailure(err)
	}
	return content, nil
}

// FileFailure turns an error of the store of the files into what a caller may see.
func (s *Store) FileFailure(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	s.metrics.fileStoreFails.Inc()
	if errors.Is(err, blobs.ErrNotFound) { // its record says that it is there: whoever runs the server has to know
		s.options.Logger.Error("the bytes of a file are not where its record says")
	}
	return &Error{Kind: Unavailable, Code: "file_store_unavailable", Detail: "the store of the files does not give or take this just now; try again",
		RetryAfter: fileRetryAfter, cause: err}
}

func errFileNotFound() *Error {
	return &Error{Kind: NotFound, Code: "file_not_found", Detail: "there is no such file"}
}
