package faults

import (
	"net/http"
	"testing"

	. "parley/tests/harness"
)

// TestStartWhileReadOnly: a node whose tables are up to date starts on a database that takes no writes, and serves
// reads and streams.
func TestStartWhileReadOnly(t *testing.T) {
	db := StartMariaDB(t)
	first := Start(t, db.URL, quiet)
	tom := first.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	tom.Say(t, conversation, "before")
	first.Stop(t)
	db.AsRoot(t, "SET GLOBAL read_only = 1")
	again := tom.On(Start(t, db.URL, quiet))
	if texts := again.Texts(t, conversation); len(texts) != 1 {
		t.Errorf("the history is %q", texts)
	}
	stream := again.Listen(t, "")
	stream.Want("online")
	again.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": "meanwhile"}).
		WantProblem(http.StatusServiceUnavailable, "database_unavailable", "")
	db.AsRoot(t, "SET GLOBAL read_only = 0")
	Eventually(t, "sending works again", func() bool {
		return again.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": "after"}).Status == http.StatusCreated
	})
}
