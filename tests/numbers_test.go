package tests

import (
	"fmt"
	"testing"

	. "parley/tests/harness"
)

// TestSendTookTheNumberOfAnotherNodesEvent: a send that did not know of it yet got the number that a change of a conversation on
// another node had.
func TestSendTookTheNumberOfAnotherNodesEvent(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		one, two := Start(t, db), Start(t, db)
		tom := one.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		tom.Say(t, conversation, "so that this node knows who is inside")
		for i := range 10 {
			tom.On(two).Do(t, "PATCH", "/v1/conversations/"+conversation, JSON{"name": fmt.Sprint(i)}).Want(200)
			tom.Say(t, conversation, fmt.Sprint(i))
		}
		messages, events, _ := syncAll(t, one.Master(t, ""), "0", "&include=events")
		taken := map[any]JSON{}
		for _, entry := range append(messages, events...) {
			if other, is := taken[entry["id"]]; is {
				t.Errorf("%v has the number of %v", entry, other)
			}
			taken[entry["id"]] = entry
		}
		if len(taken) < 22 {
			t.Errorf("only %d entries are there", len(taken))
		}
	})
}
