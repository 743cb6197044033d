package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/xid"
	"gorm.io/gorm"

	"parley/models/blobs"
	"parley/models/media"
)

// fileRetryAfter is when to come back after the store of the files has failed: not sooner than it can be back.
const fileRetryAfter = 2 * time.Second

// Upload is a file on its way in. Its row is written first, then its bytes, then the row is made ready: a record never
// points to bytes that are not there, and bytes without a record have a row by which the sweep finds them. It must end
// with Finish or Discard.
type Upload struct {
	store    *Store
	app      string // on /metrics
	file     *File
	stage    *blobs.Stage
	inserted chan error // the row's, which is written while the bytes come in
}

// BeginUpload begins a file; its bytes follow by Write.
func (s *Store) BeginUpload(ctx context.Context, by Actor) (*Upload, error) {
	now := s.now()
	f := &File{AppID: by.App.ID, ID: xid.New().String(), State: fileUploading, Uploader: by.Client(), Metadata: "{}", CreatedAt: now, UnusedSince: &now}
	stage, err := s.fileStore().Stage(f.key())
	if err != nil {
		return nil, s.FileFailure(err)
	}
	u := &Upload{store: s, app: s.AppLabel(by.App), file: f, stage: stage, inserted: make(chan error, 1)}
	row := *f // as it is now: Finish describes f meanwhile
	if !s.beside(func() { u.inserted <- s.insertFile(context.WithoutCancel(ctx), &row) }) {
		stage.Discard()
		return nil, errStoreStopping()
	}
	return u, nil
}

// insertFile writes a new file's row; its id is ours, so one that is there already came from a lost answer.
func (s *Store) insertFile(ctx context.Context, f *File) error {
	return s.retry(ctx, func(tx *gorm.DB) error {
		row := *f // an attempt must not see what the one before has left in it
		err := tx.Create(&row).Error
		if faultOf(err) == faultDuplicate {
			return nil
		}
		return err
	})
}

// Write adds bytes; TooLarge once there are more than a file may have. The larger the pieces, the faster.
func (u *Upload) Write(p []byte) (int, error) {
	if limit := u.store.options.MaxFileBytes; u.stage.Size()+int64(len(p)) > limit {
		return 0, errFileTooLarge(limit)
	}
	n, err := u.stage.Write(p)
	if err != nil {
		err = u.store.FileFailure(err)
	}
	return n, err
}

// Finish measures the file, keeps it, and gives its record. said is what the client says of it (a JSON object); what can
// be measured is put over it. On an error nothing is left.
func (u *Upload) Finish(ctx context.Context, name string, said JSON) (_ *File, err error) {
	s, f := u.store, u.file
	defer func() { u.count(err) }()
	err = u.describe(name, said)
	if err == nil {
		err = <-u.inserted
		u.inserted <- err
	}
	if err != nil {
		u.discard()
		return nil, err
	}
	if err = u.stage.Commit(ctx); err != nil {
		err = s.FileFailure(err)
	} else if err = s.makeReady(ctx, f); err == nil {
		s.metrics.uploadedBytes.WithLabelValues(u.app).Add(float64(*f.Size))
		return f, s.linkFile(ctx, f)
	}
	s.forgetUpload(f)
	return nil, err
}

// describe fills in the record.
func (u *Upload) describe(name string, said JSON) (err error) {
	f := u.file
	if f.Name, err = cleanFileName(name); err != nil {
		return err
	}
	if err := checkMetadata("metadata", &said); err != nil {
		return err
	}
	size := u.stage.Size()
	info := media.Measure(u.stage, size, f.Name)
	f.Size, f.MimeType = &size, info.MIMEType
	if f.MimeType == "" {
		f.MimeType = unknownType
	}
	f.Metadata, err = withMeasured(said, size, info)
	return err
}

// makeReady makes an uploaded file known. A second run, after an outcome that was unknown, finds it ready.
func (s *Store) makeReady(ctx context.Context, f *File) error {
	now := s.now()
	f.State, f.UnusedSince = fileReady, &now
	err := s.retry(ctx, func(tx *gorm.DB) error {
		done := tx.Exec("UPDATE files SET state = ?, name = ?, mime_type = ?, size = ?, metadata = ?, unused_since = ? WHERE app_id = ? AND id = ? AND state = ?",
			fileReady, f.Name, f.MimeType, f.Size, f.Metadata, now, f.AppID, f.ID, fileUploading)
		if done.Error != nil || done.RowsAffected == 1 {
			return done.Error
		}
		ready, err := findFile(tx, f.AppID, f.ID)
		if err == nil && ready == nil {
			err = errUnavailable(errors.New("the upload took so long that it was swept"))
		}
		return err
	})
	return asUnavailable(ctx, err)
}

// Discard ends an upload of which nothing is to be left, because of an error.
func (u *Upload) Discard(cause error) {
	u.count(cause)
	u.discard()
}

func (u *Upload) count(err error) {
	u.store.metrics.uploads.WithLabelValues(u.app, outcomeOf(err)).Inc()
}

func (u *Upload) discard() {
	u.stage.Discard()
	u.store.beside(func() { // when the node is stopping, the sweep does it
		if <-u.inserted == nil {
			u.store.removeUpload(u.file)
		}
	})
}

// forgetUpload removes an upload that failed after its bytes had gone to the store.
func (s *Store) forgetUpload(f *File) {
	s.beside(func() {
		ctx, cancel := context.WithTimeout(s.working, attemptTimeout)
		defer cancel()
		if err := s.fileStore().Delete(ctx, f.key()); err == nil { // otherwise the row has to stay, and the sweep finds it
			s.removeUpload(f)
		}
	})
}

func (s *Store) removeUpload(f *File) {
	err := s.retry(s.working, func(tx *gorm.DB) error {
		return tx.Exec("DELETE FROM files WHERE app_id = ? AND id = ? AND state = ?", f.AppID, f.ID, fileUploading).Error
	})
	if err != nil {
		s.options.Logger.Debug("an upload's row is left to the sweep", "error", err)
	}
}

// CreateLink makes the record of a file that lives elsewhere; nothing is stored but the link (the guide's withURL).
func (s *Store) CreateLink(ctx context.Context, by Actor, link, name string, metadata JSON) (*File, error) {
	f, err := newLink("", link, name, metadata)
	if err != nil {
		return nil, err
	}
	now := s.now()
	f.AppID, f.ID, f.State, f.Uploader, f.CreatedAt, f.UnusedSince = by.App.ID, xid.New().String(), fileReady, by.Client(), now, &now
	if err := s.insertFile(ctx, f); err != nil {
		return nil, asUnavailable(ctx, err)
	}
	return f, s.linkFile(ctx, f)
}

// newLink checks a link, whose fields have the names behind prefix.
func newLink(prefix, link, name string, metadata JSON) (*File, error) {
	u, err := checkLink(prefix+"url", link)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = linkName(u)
	}
	if name, err = cleanFileName(name); err != nil {
		return nil, Invalidf(prefix+"name", "must be at most %d characters long", maxName)
	}
	if err := checkMetadata(prefix+"metadata", &metadata); err != nil {
		return nil, err
	}
	return &File{Link: &link, Name: name, MimeType: linkType(u), Size: saidSize(metadata), Metadata: metadata}, nil
}

func errFileTooLarge(limit int64) *Error {
	return &Error{Kind: TooLarge, Code: "body_too_large", Detail: fmt.Sprintf("a file may have at most %d bytes", limit)}
}
