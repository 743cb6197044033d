package tests

import (
	"fmt"
	"net/http"
	"testing"

	. "parley/tests/harness"
)

// TestTransientOvertookTheCreation: a transient message that was sent as soon as the creation was answered could come before
// the live side knew who was inside, and reached nobody.
func TestTransientOvertookTheCreation(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		const senders, times = 8, 25
		s := Start(t, db)
		stream := listen(t, s.Login(t, "Jerry", ""))
		parallel(senders, func(i int) {
			c := s.Login(t, fmt.Sprint("Tom ", i), "")
			for n := range times {
				body := JSON{"type": "text", "text": fmt.Sprint(i, " is typing ", n), "transient": true}
				c.Do(t, "POST", "/v1/conversations/"+c.Create(t, "Jerry")+"/messages", body).Want(http.StatusAccepted)
			}
		})
		for came := 0; came < senders*times; {
			if stream.Next().Name == "message" { // one that is lost is waited for in vain
				came++
			}
		}
	})
}
