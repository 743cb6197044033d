package app

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

const (
	// A bar is drawn so often, so that drawing costs nothing.
	barEvery = 100 * time.Millisecond
	// A log file gets a line so often.
	lineEvery = 10 * time.Second
)

// progress shows how far a sub-command is: as a bar on a terminal, otherwise as a line now and then.
type progress struct {
	out      io.Writer
	terminal bool
	what     string
	bar      *progressbar.ProgressBar
	shown    time.Time
}

func newProgress(out io.Writer) *progress {
	file, ok := out.(*os.File)
	return &progress{out: out, terminal: ok && term.IsTerminal(int(file.Fd())), shown: time.Now()}
}

// tell is called as often as one likes; of is 0 where nobody knows how much there is.
func (p *progress) tell(what string, done, of int64) {
	every := lineEvery
	if p.terminal {
		every = barEvery
	}
	if what == p.what && time.Since(p.shown) < every {
		return
	}
	if p.terminal {
		p.draw(what, done, of)
	} else if what == p.what {
		p.line(done, of)
	}
	if what != p.what || time.Since(p.shown) >= every {
		p.what, p.shown = what, time.Now()
	}
}

func (p *progress) line(done, of int64) {
	if of > 0 {
		fmt.Fprintf(p.out, "%s: %d of %d (%d%%)\n", p.what, done, of, 100*done/of)
		return
	}
	fmt.Fprintf(p.out, "%s: %d\n", p.what, done)
}

func (p *progress) draw(what string, done, of int64) {
	if of == 0 {
		of = -1
	}
	if p.bar == nil || what != p.what {
		p.end()
		p.bar = progressbar.NewOptions64(of, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(what),
			progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(barEvery))
	}
	p.bar.ChangeMax64(of)
	_ = p.bar.Set64(done) // what cannot be drawn is no failure of the work
}

// end leaves the terminal's next line to others.
func (p *progress) end() {
	if p.bar != nil {
		fmt.Fprintln(p.out)
		p.bar = nil
	}
}
