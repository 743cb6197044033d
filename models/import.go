package models

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// One transaction of an import: large enough that commits do not count, a few MB at most.
	importRows  = 500
	importBytes = 2 << 20
)

// Import is an export on its way into an app.
type Import struct {
	store *Store
	file  *os.File
	size  int64
	tell  Progress
	app   *App    // nil: not made yet
	from  int64   // the app's log goes up to here, and is the same as the export's
	ends  []int64 // of the export's sections
	Of    ExportedApp

	section int         // that is being read
	named   *exportLine // a file's record just before the message that names it
}

// ExportedApp is the app that an export is of.
type ExportedApp struct {
	ID     string
	Number uint32
}

// Imported is what Run did.
type Imported struct {
	From, To int64
}

// OpenImport checks a file from its first line to its last, and that the log of an app, nil for one that is still to be
// made, is empty or a beginning of it. It changes nothing.
func (s *Store) OpenImport(ctx context.Context, app *App, file *os.File, tell Progress) (*Import, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	i := &Import{store: s, file: file, size: info.Size(), tell: tell, app: app}
	check := &prefixCheck{}
	if app != nil {
		if check, err = s.prefixCheck(ctx, app); err != nil {
			return nil, err
		}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	scan := newExportScan(file)
	err = scan.each(ctx, func(line exportLine) error {
		if line.End != nil {
			i.ends = append(i.ends, line.End.Position)
		}
		tell("checking", scan.offset, i.size)
		return check.line(scan, line)
	})
	switch {
	case err != nil:
		return nil, err
	case scan.header == nil:
		return nil, errors.New("the file is empty")
	case !scan.ended:
		return nil, fmt.Errorf("the export is not complete: after line %d its end is missing; run parley export again with the same file, it goes on", scan.number)
	}
	if err := check.done(scan.position); err != nil {
		return nil, err
	}
	i.from = check.head
	i.Of = ExportedApp{scan.header.App, scan.header.Number}
	return i, nil
}

// Run imports what the app's log has not yet. One that was cut off is begun again with OpenImport, and goes on.
func (i *Import) Run(ctx context.Context, app *App) (Imported, error) {
	if _, err := i.file.Seek(0, io.SeekStart); err != nil {
		return Imported{}, err
	}
	w := &importWriter{store: i.store, app: app, head: i.from}
	i.section, i.named = 0, nil
	scan := newExportScan(i.file)
	err := scan.each(ctx, func(line exportLine) error {
		i.tell("importing", scan.offset, i.size)
		return i.take(w, scan, line)
	})
	return Imported{From: i.from, To: w.head}, err
}

// take passes on what is new. The records as of the position where the log is already are taken again: nobody knows
// whether all of them were when it was cut off, and they say the same. Older ones have been replaced.
func (i *Import) take(w *importWriter, scan *exportScan, line exportLine) error {
	stage, named := stageOf(line), i.named
	i.named = nil
	switch {
	case line.Header != nil:
		return nil
	case line.End != nil:
		i.section++
		if line.End.Position < i.from {
			return nil
		}
		return w.end(line.End)
	case stage == stageLog && line.File != nil: // goes with the next message
		i.named = &line
		return nil
	case stage == stageLog && line.seq() <= i.from, stage != stageLog && i.ends[i.section] < i.from:
		return nil
	}
	if named != nil {
		if err := w.take(*named, len(scan.text)); err != nil {
			return err
		}
	}
	return w.take(line, len(scan.text))
}
