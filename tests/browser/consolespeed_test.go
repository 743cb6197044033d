package browser

import (
	"fmt"
	"slices"
	"testing"
)

// TestMessageShowsSoonAfterTheClick prints how soon; nothing is asserted.
func TestMessageShowsSoonAfterTheClick(t *testing.T) {
	c := openConsole(t, consoleServer(t))
	const rounds = 30
	var taken []float64
	for i := range rounds {
		text := fmt.Sprintf("message %d.", i)
		c.Run(`
			const log = document.querySelector("#pane-1 [data-part=messages]");
			window.shown = null;
			new MutationObserver((_, observer) => {
				if (!log.textContent.includes(` + quote(text) + `)) return;
				observer.disconnect();
				requestAnimationFrame(() => { window.shown = performance.now(); }); // laid out and painted next
			}).observe(log, { childList: true });
			document.querySelector("#pane-0 [data-part=send]").addEventListener("click", (event) => { window.clicked = event.timeStamp; }, { capture: true, once: true });`)
		c.fill(tom+box, text)
		c.click(tom + "[data-part=send]")
		c.Until(`window.shown !== null`)
		taken = append(taken, Eval[float64](c.Page, `window.shown - window.clicked`))
	}
	slices.Sort(taken)
	t.Logf("from Tom's click to Jerry's screen, %d messages: %.1f ms at least, %.1f ms median, %.1f ms at most", rounds, taken[0], taken[rounds/2], taken[rounds-1])
}

// mostBytes: 100 KB over the wire are what the page may take.
const mostBytes = 100_000

func TestPageIsLightAndLoadsEachFileOnce(t *testing.T) {
	c := openConsole(t, consoleServer(t))
	files := `performance.getEntriesByType("resource").filter((entry) => !entry.name.includes("/v1/"))`
	is(c, files+`.map((entry) => entry.name).filter((name, i, names) => names.indexOf(name) !== i).join()`, "")
	sum := func(what string) int {
		return Eval[int](c.Page, `[...`+files+`, ...performance.getEntriesByType("navigation")].reduce((sum, entry) => sum + entry.`+what+`, 0)`)
	}
	count, transferred := 1+Eval[int](c.Page, files+`.length`), sum("transferSize")
	t.Logf("%d files, %d bytes over the wire, %d unpacked", count, transferred, sum("decodedBodySize"))
	if transferred < 10_000 || transferred >= mostBytes {
		t.Errorf("the page takes %d bytes", transferred)
	}
}
