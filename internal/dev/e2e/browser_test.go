//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// browserPage is a page in a real Chromium, driven by its DevTools protocol.
type browserPage struct {
	t       *testing.T
	ctx     context.Context //nolint:containedctx // the browser itself, as chromedp has it
	console *tail           // what the page logs, and its exceptions
}

// openBrowser starts a Chromium with an empty profile; it ends with the test.
func openBrowser(t *testing.T) *browserPage {
	t.Helper()
	needs.Programs(t, "chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"),
		chromedp.NoSandbox,                           // root has none
		chromedp.Flag("disable-dev-shm-usage", true), // small in containers
		chromedp.WSURLReadTimeout(patience),
	)
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	p := &browserPage{t: t, console: &tail{}}
	ctx, leave := chromedp.NewContext(allocated)
	t.Cleanup(leave)
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			for _, arg := range e.Args {
				fmt.Fprintf(p.console, "%s %s\n", e.Type, arg.Value)
			}
		case *runtime.EventExceptionThrown:
			fmt.Fprintf(p.console, "exception: %s", e.ExceptionDetails.Text)
			if thrown := e.ExceptionDetails.Exception; thrown != nil {
				fmt.Fprintf(p.console, " %s\n", thrown.Description)
			}
		}
	}))
	p.ctx = ctx
	p.visit("about:blank") // the browser itself: windows of their own are opened in it
	return p
}

func (p *browserPage) in(t *testing.T) *browserPage {
	return &browserPage{t: t, ctx: p.ctx, console: p.console}
}

func (p *browserPage) visit(url string) {
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.Navigate(url)), "%s", p.console.String())
}

// eval evaluates an expression in the page, and waits for it if it is a promise. A page that loads again by itself meanwhile is asked anew.
func (p *browserPage) eval(expression string, into any) {
	err := p.try(expression, into)
	for deadline := time.Now().Add(patience); wentAway(err) && time.Now().Before(deadline); time.Sleep(pollEvery) {
		err = p.try(expression, into)
	}
	require.NoError(p.t, err, "%s\n%s", expression, p.console.String())
}

// wentAway tells whether a page was asked that made way for another one before it answered.
func wentAway(err error) bool {
	const refused = -32000 // by the browser: what the page itself throws is no error of the protocol
	of, ok := errors.AsType[*cdproto.Error](err)
	return ok && of.Code == refused
}

// try is eval for a page that may be on its way to another: what was asked of a page that went is an error.
func (p *browserPage) try(expression string, into any) error {
	raw, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// await polls until the expression is true, also over pages that load again by themselves.
func (p *browserPage) await(what, expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		var done bool
		err := p.try(expression, &done)
		if err == nil && done {
			return
		}
		if time.Now().After(deadline) {
			var body string
			p.eval("document.documentElement.outerHTML", &body)
			p.t.Fatalf("the page waited %s for %s (%v)\n%s\n%s", patience, what, err, p.console.String(), lastBytes(body, 4<<10))
		}
	}
}

func serveFiles(t *testing.T, files map[string]string) (origin string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, ".js") {
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		} else {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1) // an origin that the demo allows
}
