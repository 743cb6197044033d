package browser

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	. "parley/tests/harness"
)

// TestThreeTabsShareOneStream walks through docs/examples/tabs: three tabs of one browser, and the one with the stream is
// closed while messages come.
func TestThreeTabsShareOneStream(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s := Start(t, SQLite(t))
	f := newFront(t, s)
	example := http.StripPrefix("/tabs/", http.FileServer(http.Dir("../../docs/examples/tabs")))
	f.When(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/tabs/") {
			return false
		}
		example.ServeHTTP(w, r)
		return true
	})
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	address := f.URL + "/tabs/?" + url.Values{"appId": {AppID}, "appKey": {AppKey}, "id": {"Jerry"}, "conversation": {conversation}}.Encode()
	window := newWindow(t)
	var tabs []*Page
	for range 3 {
		tab := window.newPage(address)
		tab.Until(`document.body.dataset.ready`)
		tabs = append(tabs, tab)
	}
	leader := tabs[0]
	leader.Until(`role.value === "This tab has the stream."`)
	oneStream := func() {
		t.Helper()
		Eventually(t, "one stream is open", func() bool { return Metrics(t, s.URL)["parley_streams"] == 1 })
	}
	oneStream()

	var want []string
	say := func(text string) {
		want = append(want, "Tom: "+text)
		tom.Say(t, conversation, text)
	}
	wantAll := func(tabs ...*Page) {
		t.Helper()
		for i, tab := range tabs {
			tab.Until(fmt.Sprintf(`document.querySelectorAll("li").length >= %d`, len(want)))
			if got := Eval[[]string](tab, `[...document.querySelectorAll("li")].map((item) => item.textContent)`); !slices.Equal(got, want) {
				t.Errorf("tab %d shows %q, not %q", i, got, want)
			}
		}
	}
	say("to all three")
	say(`<img src=x onerror="document.title = 'hacked'">`)
	wantAll(tabs...)
	// What one tab says, the others show.
	tabs[2].Run(`document.getElementById("text").value = "from the third"; document.querySelector("button").click();`)
	want = append(want, "Jerry: from the third")
	wantAll(tabs...)

	for i := range 10 {
		say(fmt.Sprint("while it closes ", i))
		if i == 3 {
			leader.Close()
		}
	}
	wantAll(tabs[1:]...)
	tabs[1].Until(`role.value === "This tab has the stream."`)
	oneStream()
	tabs[2].Run(`if (role.value === "This tab has the stream." || document.title === "hacked") throw new Error(role.value + document.title);`)
	say("to those that are left")
	wantAll(tabs[1:]...)
}
