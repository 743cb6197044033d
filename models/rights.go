package models

// This file is the one place where rights are decided. An actor may do something by what it is itself (requireMaster,
// requireClient, requireSession), or by what it is in a conversation (standing). docs/rights.md shows what comes of it, call by
// call. Two rights are conditions in SQL besides: which messages of a system conversation somebody finds (historyFor), and that
// queries find temporary conversations for those inside alone (package query).

// standing is what an actor is in one conversation. A role there, such as owner or moderator, would be a second field, read from
// the row that says who is inside, and asked for by the functions below that take a standing.
type standing struct {
	inside bool // a member, a subscriber, or in the chat room now
}

// requireMaster is for what the app's own server alone may do, as itself or as a client.
func (a Actor) requireMaster() error {
	if a.Master {
		return nil
	}
	return &Error{Kind: Forbidden, Code: "master_key_required", Detail: "only the app's own server may do this, with the master key"}
}

// requireClient refuses nobody where a client has to act.
func (a Actor) requireClient() error {
	if a.ClientID == "" {
		return ClientIDRequired()
	}
	return nil
}

// requireSession is for what a client does with its own session.
func (a Actor) requireSession() error {
	if a.SessionID != "" {
		return nil
	}
	return &Error{Kind: Forbidden, Code: "session_required", Detail: "only a client in a session of its own can do this, with its session token"}
}

// mayKnow tells whether the actor may learn that a conversation exists: any client of the app, but of a temporary one only those
// inside.
func (a Actor) mayKnow(c *Conversation, in standing) error {
	if in.inside || a.Master || !c.isTemporary() {
		return nil
	}
	return errConversationNotFound()
}

// mayRead is the right to what is said inside a conversation, and to the list of who is inside.
func (a Actor) mayRead(in standing) error {
	if in.inside || a.Master {
		return nil
	}
	return errNotAMember()
}

// mayChange is the right to a conversation's name and attributes, to add clients and to remove them. Whoever happens to watch a
// chat room has it not, and of a system conversation the app's own server alone.
func (a Actor) mayChange(c *Conversation, in standing) error {
	switch {
	case a.Master:
		return nil
	case c.isRoom():
		if c.Creator != nil && *c.Creator == a.ClientID {
			return nil
		}
		return &Error{Kind: Forbidden, Code: "creator_required", Detail: "only the creator of the chat room and the app's own server may do this"}
	case c.Type == System:
		return a.requireMaster()
	}
	return a.mayRead(in)
}

// maySend is the right to send: of those inside, and in a chat room of the app's own server as any client.
func (a Actor) maySend(in standing, isRoom bool) error {
	if in.inside || a.Master && isRoom {
		return nil
	}
	return errNotAMember()
}

// mayReadFile is the right to a file's record and bytes: its uploader's, and of those to whom a message has shown it.
func (a Actor) mayReadFile(f *File, shown bool) error {
	if shown || a.Master || f.Uploader != nil && a.ClientID == *f.Uploader {
		return nil
	}
	return &Error{Kind: Forbidden, Code: "file_not_readable",
		Detail: "a file is for its uploader, and for the members of the conversations in which it was sent"}
}

func errNotAMember() *Error {
	return &Error{Kind: Forbidden, Code: "not_a_member", Detail: "only members of the conversation may do this"}
}

// ClientIDRequired is the failure of a call that has to be made as a client and names none.
func ClientIDRequired() *Error {
	return &Error{Kind: Invalid, Code: "client_id_required", Detail: "this is done as a client: name it in the X-Client-Id header",
		Fields: []FieldError{{Field: "X-Client-Id", Detail: "is required with the master key"}}}
}
