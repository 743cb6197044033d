package models

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneClientsQueriesKeptTheOthersWaiting: whoever sent four slow ones at once, again and again, left nobody else a turn.
func TestOneClientsQueriesKeptTheOthersWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, turns, app := t.Context(), newQueryTurns(), &App{ID: 1}
		tom, jerry, server := Actor{App: app, ClientID: "Tom"}, Actor{App: app, ClientID: "Jerry"}, Actor{App: app, ClientID: "Tom", Master: true}
		take := func(by Actor) func() {
			t.Helper()
			done, err := turns.take(ctx, by, time.Second)
			if err != nil {
				t.Fatalf("%s: %v", by.ClientID, err)
			}
			return done
		}
		refused := func(by Actor) {
			t.Helper()
			begun := time.Now()
			if _, err := turns.take(ctx, by, time.Second); !HasCode(err, "too_many_queries") || time.Since(begun) != time.Second {
				t.Fatalf("%s: %v after %v", by.ClientID, err, time.Since(begun))
			}
		}
		first, second := take(tom), take(tom)
		refused(tom)
		third, fourth := take(jerry), take(server) // the app's own server has no line
		refused(jerry)
		refused(server)
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := turns.take(canceled, jerry, time.Second); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(time.Second / 2)
			first()
		}()
		fifth := take(tom) // the one that waited has the turn
		for _, done := range []func(){second, third, fourth, fifth} {
			done()
		}
		if len(turns.each) != 0 || len(turns.all) != 0 {
			t.Errorf("left behind: %v, %d", turns.each, len(turns.all))
		}
	})
}
