package browser

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	. "parley/tests/harness"
)

const (
	// browserVariable lets the tests run: they want Chromium, and half a minute of it.
	browserVariable = "PARLEY_TEST_BROWSER"
	// artefactsVariable names a folder for screenshots.
	artefactsVariable = "PARLEY_TEST_ARTEFACTS"
)

// theBrowser is one Chromium for all tests of the package; each test has windows of its own, which share nothing with
// those of another.
var theBrowser chromium

type chromium struct {
	once sync.Once
	ctx  context.Context
	err  error
	end  func()
}

func (c *chromium) close() {
	if c.end != nil {
		c.end()
	}
}

// start starts Chromium at the first use.
func (c *chromium) start(t testing.TB) context.Context {
	t.Helper()
	if os.Getenv(browserVariable) == "" {
		t.Skipf("the tests in Chromium run with %s=1, as `make test-browser` sets it", browserVariable)
	}
	path := FindProgram(t, "chromium", "chromium-browser", "google-chrome")
	c.once.Do(func() { c.err = c.run(path) })
	if c.err != nil {
		t.Fatal(c.err)
	}
	return c.ctx
}

func (c *chromium) run(path string) error {
	profile, err := os.MkdirTemp("", "parley-chromium")
	if err != nil {
		return err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.UserDataDir(profile),
		chromedp.NoSandbox, // CI is root, and Chromium's sandbox wants a user
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.IgnoreCertErrors, // a test's certificate is signed by nobody
		chromedp.WindowSize(1280, 900))
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	c.ctx = ctx
	c.end = func() {
		_ = chromedp.Cancel(ctx) // it ends, one way or the other
		cancel()
		endAllocator()
		_ = os.RemoveAll(profile)
	}
	return chromedp.Do(ctx)
}

// Window is a fresh profile with its own storage; its pages are tabs that share it.
type Window struct {
	t   testing.TB
	ctx context.Context
}

// newWindow opens a profile that shares nothing with others.
func newWindow(t testing.TB) *Window {
	t.Helper()
	ctx, cancel := chromedp.NewContext(theBrowser.start(t), chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return &Window{t: t, ctx: ctx}
}

// Page is a tab. What the page reports as an error, an exception that nobody caught or a violation of its
// Content-Security-Policy, fails the test at its end, unless Allow has said that it belongs to the test.
type Page struct {
	t      testing.TB
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	problems []string
	allowed  []*regexp.Regexp
	console  []string
	chooser  cdp.BackendNodeID // the input whose dialog is open
}

// newPage opens a tab in a window of its own.
func newPage(t testing.TB, url string) *Page {
	t.Helper()
	return newWindow(t).newPage(url)
}

// newPage opens a tab.
func (w *Window) newPage(url string) *Page {
	w.t.Helper()
	p := &Page{t: w.t}
	p.ctx, p.cancel = chromedp.NewContext(w.ctx, chromedp.WithListener(p.hear))
	w.t.Cleanup(p.finish)
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, log.Enable, cdp.Empty{})
		return err
	}))
	p.do(chromedp.Navigate(url))
	return p
}

// hear takes what the page reports.
func (p *Page) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, argument := range e.Args {
			text := string(argument.Value)
			if text == "" {
				text = argument.Description
			}
			words = append(words, strings.Trim(text, `"`))
		}
		line := strings.Join(words, " ")
		p.console = append(p.console, line)
		if e.Type == "error" || e.Type == "assert" {
			p.problems = append(p.problems, "console: "+line)
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		p.problems = append(p.problems, "not caught: "+text)
	case *page.EventFileChooserOpened:
		p.chooser = e.BackendNodeID
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			p.problems = append(p.problems, string(e.Entry.Source)+": "+e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// takeChooser gives the input whose dialog has been opened, once; 0 when there is none.
func (p *Page) takeChooser() (input cdp.BackendNodeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	input, p.chooser = p.chooser, 0
	return input
}

// Allow says which reports belong to the test: "Failed to load resource" where the link is cut.
func (p *Page) Allow(expression string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, regexp.MustCompile(expression))
}

// finish fails the test for what the page reported, and closes the tab.
func (p *Page) finish() {
	p.mu.Lock()
	for _, problem := range p.problems {
		if !slices.ContainsFunc(p.allowed, func(r *regexp.Regexp) bool { return r.MatchString(problem) }) {
			p.t.Errorf("the page reports: %s", problem)
		}
	}
	if p.t.Failed() {
		p.t.Logf("the console:\n%s", strings.Join(p.console, "\n"))
	}
	p.mu.Unlock()
	p.cancel()
}

// Close closes the tab, as a person would.
func (p *Page) Close() { p.cancel() }

func (p *Page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// within bounds an action; the first one makes the tab, which must outlive it.
func (p *Page) within() (context.Context, context.CancelFunc) {
	if chromedp.FromContext(p.ctx).Target == nil {
		return p.ctx, func() {}
	}
	return context.WithTimeout(p.ctx, 3*Deadline)
}

// Eval runs a script and, when it gives a promise, waits for it. Its value is decoded into T.
func Eval[T any](p *Page, script string) T {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%v\n%s", err, script)
	}
	return value
}

// Run runs the body of an async function.
func (p *Page) Run(body string) {
	p.t.Helper()
	Eval[chromedp.Void](p, "(async () => {"+body+"\n})()")
}

// Until waits until a condition holds.
func (p *Page) Until(condition string) {
	p.t.Helper()
	p.within20s(condition, func() bool { return Eval[bool](p, "!!("+condition+")") })
}

func (p *Page) within20s(what string, holds func() bool) {
	p.t.Helper()
	end := time.Now().Add(Promise(Deadline))
	for !holds() {
		if time.Now().After(end) {
			p.t.Fatalf("did not come true: %s", what)
		}
		pause := time.NewTimer(20 * time.Millisecond)
		<-pause.C
	}
}

// Offline tells the browser that its network is gone, or that it is back.
func (p *Page) Offline(offline bool) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, failed := chromedp.Call(ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1}}})
		_, err := chromedp.Call(ctx, network.OverrideNetworkState, network.OverrideNetworkStateParams{
			Offline: offline, DownloadThroughput: -1, UploadThroughput: -1})
		return errors.Join(failed, err)
	}))
}

// Screenshot writes a picture of the page to the folder of artefacts, where there is one.
func (p *Page) Screenshot(name string) {
	p.t.Helper()
	folder := os.Getenv(artefactsVariable)
	if folder == "" {
		return
	}
	ctx, cancel := p.within()
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644)
	}
	if err != nil {
		p.t.Error(err)
	}
}
