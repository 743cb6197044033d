package tests

import (
	"net/http"
	"testing"

	. "parley/tests/harness"
)

// TestOneSessionInThousandsOfRoomsHeldUpTheSends: when its stream was cut, it left them all in one transaction.
func TestOneSessionInThousandsOfRoomsHeldUpTheSends(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		stream := listen(t, tom)
		const most = 100
		rooms := make([]string, most+2)
		parallel(len(rooms), func(i int) { rooms[i] = openRoom(t, tom) })
		parallel(most, func(i int) { join(t, tom, rooms[i]) })
		refused := func(c *Client, room string) {
			t.Helper()
			c.Do(t, "POST", "/v1/conversations/"+room+"/join", nil).WantProblem(http.StatusConflict, "room_limit_reached", "")
		}
		refused(tom, rooms[most])
		if n := headcount(t, tom, rooms[most]); n != 0 {
			t.Errorf("%d in the room that was refused", n)
		}
		join(t, tom, rooms[0]) // where it is already
		tom.Do(t, "POST", "/v1/conversations/"+rooms[0]+"/quit", nil).Want(http.StatusOK)
		join(t, tom, rooms[most])
		refused(tom, rooms[0])

		another := s.Login(t, "Tom", "")
		listen(t, another)
		join(t, another, rooms[0])

		// It comes back into all of them, and into no more.
		stream.Cut()
		Eventually(t, "its places are given up", func() bool { return headcount(t, another, rooms[most]) == 0 })
		listen(t, tom)
		Eventually(t, "it is back", func() bool { return headcount(t, another, rooms[most]) == 1 })
		refused(tom, rooms[most+1])
		join(t, tom, rooms[1])
	})
}
