package models

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"gorm.io/gorm"
)

const (
	// What is left of the log when the one snapshot begins: it is held open for this and for the records.
	exportRest = 5000
	// An app that writes faster than it can be read would otherwise never come to an end.
	exportRounds = 8
)

// Progress is told how far an export or import has come, of how much.
type Progress func(what string, done, of int64)

// Exported is what a run of Export did.
type Exported struct {
	From, To int64 // positions: the run has written (From, To]
	Lines    int64
	Resumed  bool // the file was there, and was gone on with
}

// exportRun is one run on its way into the file.
type exportRun struct {
	store *Store
	app   *App
	out   *bufio.Writer
	sum   hash.Hash
	tell  Progress
	last  int64 // the newest line of the log
	lines int64
}

// Export writes an app into a file: all of its log up to now with the records of what it has changed, or, when the file
// holds an export of it already, whole or cut off, what is missing.
func (s *Store) Export(ctx context.Context, app *App, file *os.File, tell Progress) (Exported, error) {
	scan, err := resumeExport(ctx, file, tell)
	if err != nil {
		return Exported{}, err
	}
	run := &exportRun{store: s, app: app, out: bufio.NewWriterSize(file, 1<<20), sum: sha256.New(), tell: tell, last: scan.last}
	if scan.header != nil {
		if err := run.goesOn(ctx, scan); err != nil {
			return Exported{}, err
		}
		if err := run.sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(scan.resumeSum); err != nil {
			return Exported{}, err
		}
	}
	if err := file.Truncate(scan.resumeAt); err != nil {
		return Exported{}, err
	}
	if _, err := file.Seek(scan.resumeAt, io.SeekStart); err != nil {
		return Exported{}, err
	}
	if scan.header == nil {
		header := exportLine{Header: &exportHeader{Version: exportVersion, App: app.PublicID, Number: app.ID, Begun: s.now()}}
		text, err := header.encode()
		if err == nil {
			_, err = run.out.Write(text)
		}
		if err != nil {
			return Exported{}, err
		}
	}
	done := Exported{From: scan.last, Resumed: scan.header != nil}
	err = run.write(ctx, scan)
	done.To, done.Lines = run.last, run.lines
	// Also what a run that failed has written is good to go on with.
	return done, errors.Join(err, run.out.Flush(), file.Sync())
}

// resumeExport reads what a file has already. A last line that was cut off is none.
func resumeExport(ctx context.Context, file *os.File, tell Progress) (*exportScan, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	scan := newExportScan(file)
	err = scan.each(ctx, func(exportLine) error {
		tell("reading what is there", scan.offset, info.Size())
		return nil
	})
	if damaged, ok := errors.AsType[*LineError](err); ok && damaged.cut && scan.offset == info.Size() && scan.header != nil {
		err = nil
	}
	return scan, err
}

// goesOn refuses a file that this app's log does not go on from.
func (r *exportRun) goesOn(ctx context.Context, scan *exportScan) error {
	if scan.header.App != r.app.PublicID {
		return fmt.Errorf("the file is an export of the app %s, not of %s", scan.header.App, r.app.PublicID)
	}
	head, err := r.store.Head(ctx, r.app.ID)
	if err != nil {
		return err
	}
	switch {
	case head.Seq < scan.last:
		return fmt.Errorf("the file has come to entry %d, and the app's log only to %d: it is not an export of this log", scan.last, head.Seq)
	case scan.position > 0 && head.Floor > scan.last:
		return fmt.Errorf("entries after %d have been removed by retention before they were exported: begin a new file", scan.last)
	case scan.newest == nil:
		return nil
	}
	newest, err := decodeExportLine(scan.newest)
	if err != nil {
		return err
	}
	lines, _, err := r.store.exportReader(r.store.read.WithContext(ctx), r.app.ID).log(newest.seq()-1, newest.seq())
	if err != nil || len(lines) == 0 { // it may have been deleted since
		return err
	}
	text, err := lines[len(lines)-1].encode()
	if err == nil && !bytes.Equal(text, scan.newest) {
		err = fmt.Errorf("entry %d of the file is another one than the app's: it is not an export of this log", newest.seq())
	}
	return err
}

// write writes a section: the log, then in one snapshot the rest of it and the records.
func (r *exportRun) write(ctx context.Context, scan *exportScan) error {
	for range exportRounds {
		head, err := r.store.Head(ctx, r.app.ID)
		if err != nil {
			return err
		}
		if head.Seq-r.last <= exportRest {
			break
		}
		if err := r.writeLog(ctx, r.store.read.WithContext(ctx), head.Seq); err != nil {
			return err
		}
	}
	return r.store.snapshot(ctx, func(db *gorm.DB) error {
		end := &exportEnd{}
		row := db.Raw("SELECT seq, floor, own_floor, newest_at FROM counters WHERE app_id = ?", r.app.ID).Row()
		if err := row.Scan(&end.Position, &end.Floor, &end.OwnFloor, &end.NewestAt); err != nil {
			return err
		}
		if end.Position == scan.position && scan.ended {
			return nil // nothing new
		}
		if err := r.writeLog(ctx, db, end.Position); err != nil {
			return err
		}
		records := int64(0)
		err := r.store.exportReader(db, r.app.ID).records(scan.position, func(line exportLine) error {
			records++
			r.tell("records", records, 0)
			return r.line(ctx, line)
		})
		if err != nil {
			return err
		}
		end.SHA256 = r.sum.Sum(nil)
		r.last = end.Position
		return r.line(ctx, exportLine{End: end})
	})
}

func (r *exportRun) writeLog(ctx context.Context, db *gorm.DB, upTo int64) error {
	reader := r.store.exportReader(db, r.app.ID)
	for reached := r.last; reached < upTo; {
		lines, to, err := reader.log(reached, upTo)
		if err != nil {
			return err
		}
		for _, line := range lines {
			if err := r.line(ctx, line); err != nil {
				return err
			}
		}
		reached = to
		r.last = to
		r.tell("log", reached, upTo)
	}
	return nil
}

func (r *exportRun) line(ctx context.Context, line exportLine) error {
	text, err := line.encode()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	r.lines++
	r.sum.Write(text) // never fails
	_, err = r.out.Write(text)
	return err
}
