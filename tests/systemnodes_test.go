package tests

import (
	"fmt"
	"slices"
	"testing"
	"time"

	. "parley/tests/harness"
)

// TestAudienceOnOtherNodes sends by one node what the streams of the others must and must not get.
func TestAudienceOnOtherNodes(t *testing.T) {
	t.Parallel()
	threeNodes(t, func(t *testing.T, n *nodes) {
		st := newStage(t, n.all[0])
		streams, want := map[string][]*Stream{}, map[string][]string{}
		for id := range st.clients {
			streams[id] = n.listen(t, n.all[0].Master(t, id))
		}
		for _, a := range st.audiences() {
			a.send(t, a.name)
			for _, id := range a.shown {
				want[id] = append(want[id], a.name)
			}
		}
		broadcast(t, n.all[1].Master(t, ""), st.system, "everyone", "end")
		for id, all := range streams {
			for _, s := range all {
				wantTexts(t, s, append(slices.Clone(want[id]), "end")...)
			}
		}
	})
}

// TestSubscriptionOnOtherNodes: a subscription counts for the streams of the client on all nodes.
func TestSubscriptionOnOtherNodes(t *testing.T) {
	t.Parallel()
	threeNodes(t, func(t *testing.T, n *nodes) {
		master, tom := n.all[0].Master(t, ""), n.all[0].Master(t, "Tom")
		system := openSystem(t, master)
		streams := n.listen(t, tom)
		join(t, tom.On(n.all[1]), system)
		broadcast(t, master.On(n.all[2]), system, "subscribers", "one")
		for _, s := range streams {
			s.Want("members_joined")
			wantTexts(t, s, "one")
		}
		master.Do(t, "DELETE", "/v1/conversations/"+system, nil).Want(204)
		for _, s := range streams {
			s.Want("kicked")
		}
	})
}

// TestFirstStreamOnAnyNode: what waited for a client does not come again on another node, a moment after it was brought;
// where two first streams come at once, at least one of them has it.
func TestFirstStreamOnAnyNode(t *testing.T) {
	threeNodes(t, func(t *testing.T, n *nodes) {
		master := n.all[0].Master(t, "")
		system := openSystem(t, master)
		for i := range 10 {
			text := fmt.Sprint("news ", i)
			broadcast(t, master, system, "everyone", text)
			id := fmt.Sprint("Tom ", i)
			firsts := make([]*Stream, 2)
			parallel(2, func(k int) { firsts[k] = n.all[k].Master(t, id).Listen(t, "") })
			broadcast(t, master, system, []string{id}, "end")
			had := 0
			for _, s := range firsts {
				s.Want("online")
				if got := textsUntil(s, "end"); slices.Contains(got, text) {
					had++
				}
			}
			if had == 0 {
				t.Errorf("no stream of %s has had what waited", id)
			}
		}
		began := time.Now()
		Eventually(t, "a later device of the client is brought nothing", func() bool {
			s := listen(t, n.all[2].Master(t, "Tom 9"))
			defer s.Cut()
			broadcast(t, master, system, []string{"Tom 9"}, "end")
			return len(textsUntil(s, "end")) == 1
		})
		n.kept(t, began, "remembering that it was brought")
	})
}

// textsUntil reads messages up to one.
func textsUntil(s *Stream, last string) (texts []string) {
	for {
		text := s.Want("message").Data["text"].(string)
		texts = append(texts, text)
		if text == last {
			return texts
		}
	}
}
