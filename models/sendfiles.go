package models

// This file is what a send has to do with stored files: whether its sender may name one, and that the file is kept for
// as long as a message does. Batches that name none pass it without a statement.

// MessageFileUse is a row that says which message names which stored file.
type MessageFileUse struct {
	AppID          uint32
	FileID         string
	ConversationID string
	Seq            int64
}

// TableName is GORM's word for it.
func (MessageFileUse) TableName() string { return "message_files" }

// namedFiles is what the files named by a batch are, and which of its senders have been shown which.
type namedFiles struct {
	files map[string]*File
	shown map[fileReader]bool
}

// lookFiles looks for the files that the batch names. Whatever takes a file away, or a member out, holds the app's
// counter row as this transaction does, so what is found stays true until it commits.
func (b *sendBatch) lookFiles() (namedFiles, error) {
	var ids []string
	for _, w := range b.work {
		if w.send.file != "" {
			ids = append(ids, w.send.file)
		}
	}
	if len(ids) == 0 {
		return namedFiles{}, nil
	}
	named := namedFiles{files: map[string]*File{}, shown: map[fileReader]bool{}}
	var found []*File
	if err := b.db.Where("app_id = ? AND id IN ? AND state = ?", b.appID, ids, fileReady).Find(&found).Error; err != nil {
		return named, err
	}
	for _, f := range found {
		named.files[f.ID] = f
	}
	for _, w := range b.work {
		f := named.files[w.send.file]
		if f == nil || w.send.by.mayReadFile(f, false) == nil {
			continue // as a rule: who uploaded it sends it
		}
		asking := fileReader{f.ID, w.send.by.ClientID}
		if _, asked := named.shown[asking]; asked {
			continue
		}
		var err error
		if named.shown[asking], err = asking.isShown(b.db, b.appID); err != nil {
			return named, err
		}
	}
	return named, nil
}

// fileOf gives the file that a send names, if its sender may read it; nil when it names none.
func (n namedFiles) fileOf(s *send) (*File, error) {
	if s.file == "" {
		return nil, nil
	}
	f := n.files[s.file]
	if f == nil {
		return nil, errFileNotFound()
	}
	return f, s.by.mayReadFile(f, n.shown[fileReader{s.file, s.by.ClientID}])
}

// useFiles writes down which messages name which files, and takes those that were not in use from the sweep.
func (b *sendBatch) useFiles(named namedFiles) error {
	var uses []MessageFileUse
	var unused []string
	for _, m := range b.rows {
		if m.File == nil || m.File.ID == "" {
			continue
		}
		uses = append(uses, MessageFileUse{AppID: b.appID, FileID: m.File.ID, ConversationID: m.ConversationID, Seq: m.Seq})
		if named.files[m.File.ID].UnusedSince != nil {
			unused = append(unused, m.File.ID)
		}
	}
	if len(uses) == 0 {
		return nil
	}
	if err := b.db.Create(&uses).Error; err != nil || len(unused) == 0 {
		return err
	}
	return b.db.Exec("UPDATE files SET unused_since = NULL WHERE app_id = ? AND id IN ?", b.appID, unused).Error
}

// settleFile waits until the bytes of a file that a message is going to name are safe from a power cut, as the message
// will be. Where they came in by another node there is nothing to wait for here.
func (s *Store) settleFile(by Actor, id string) error {
	files := s.fileStore()
	if id == "" || files == nil {
		return nil
	}
	if err := files.Settled(fileKey(by.App.ID, id)); err != nil {
		return s.FileFailure(err)
	}
	return nil
}
