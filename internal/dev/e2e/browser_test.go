//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// browserPage is a page in a real Chromium, driven by its DevTools protocol.
type browserPage struct {
	t       *testing.T
	ctx     context.Context    //nolint:containedctx // the browser itself, as chromedp has it
	console *ledgertest.Output // what the page logs, and its exceptions
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
	p := &browserPage{t: t, console: &ledgertest.Output{}}
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

func (b *browserPage) in(t *testing.T) *browserPage {
	return &browserPage{t: t, ctx: b.ctx, console: b.console}
}

func (b *browserPage) visit(url string) {
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.Navigate(url)), "%s", b.console.String())
}

// eval evaluates an expression in the page, and waits for it if it is a promise. A page that loads again by itself meanwhile is asked again.
func (b *browserPage) eval(expression string, into any) {
	err := b.try(expression, into)
	for deadline := time.Now().Add(patience); wentAway(err) && time.Now().Before(deadline); time.Sleep(pollEvery) {
		err = b.try(expression, into)
	}
	require.NoError(b.t, err, "%s\n%s", expression, b.console.String())
}

// wentAway tells whether a page was asked that made way for another one before it answered.
func wentAway(err error) bool {
	const refused = -32000 // by the browser: what the page itself throws is no error of the protocol
	of, ok := errors.AsType[*cdproto.Error](err)
	return ok && of.Code == refused
}

// try is eval for a page that may be on its way to another: what was asked of a page that went is an error.
func (b *browserPage) try(expression string, into any) error {
	raw, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// await polls until the expression is true, also over pages that load again by themselves.
func (b *browserPage) await(what, expression string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		var done bool
		err := b.try(expression, &done)
		if err == nil && done {
			return
		}
		if time.Now().After(deadline) {
			var body string
			b.eval("document.documentElement.outerHTML", &body)
			b.t.Fatalf("the page waited %s for %s (%v)\n%s\n%s", patience, what, err, b.console.String(), lastBytes(body, 4<<10))
		}
	}
}

func serveFiles(t *testing.T, files map[string]string) (origin string) {
	t.Helper()
	at := ledgertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	return strings.Replace(at, "127.0.0.1", "localhost", 1) // an origin that the demo allows
}

// keyboard is a window that is used by the keyboard alone.
type keyboard struct {
	*browserPage

	looked func() // judges each page that was gone to
}

// openWindow opens a window with cookies of its own, so wide, in the light or the dark.
func openWindow(in *browserPage, width int64, scheme string) *keyboard {
	ctx, leave := chromedp.NewContext(in.ctx, chromedp.WithNewBrowserContext())
	in.t.Cleanup(leave)
	v := &keyboard{browserPage: &browserPage{t: in.t, ctx: ctx, console: in.console}, looked: func() {}}
	v.resize(width, scheme)
	return v
}

// resize makes the window so wide, and its scheme light or dark.
func (b *browserPage) resize(width int64, scheme string) {
	const height = 800
	prefers := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, prefers)
		return err
	})))
	b.await("the window to have its width", fmt.Sprintf(`innerWidth === %d && dispatchEvent(new Event("resize"))`, width))
}

func (k *keyboard) open(address string) (status int64) {
	k.stay()
	return k.goes(chromedp.Navigate(address))
}

// stay leaves a page that loads again by itself for one that does not: what it loads could else be taken for what is opened next.
func (k *keyboard) stay() {
	for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		var again bool
		k.eval(`!!document.querySelector("meta[http-equiv=refresh]")`, &again)
		if !again {
			return
		}
		err := chromedp.Do(k.ctx, chromedp.Navigate("about:blank"))
		require.True(k.t, time.Now().Before(deadline), "the page cannot be left: %v", err)
	}
}

// goes does what leads to another page, waits for it, and looks at it.
func (k *keyboard) goes(steps ...chromedp.Action[chromedp.Void]) (status int64) {
	ctx, cancel := context.WithTimeout(k.ctx, patience)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, steps...)
	require.NoError(k.t, err, "%s", k.console.String())
	k.looked()
	return answer.Status
}

// focused is what has the focus, as it is labelled.
const focused = `(() => {
	const at = document.activeElement;
	const text = at === document.body ? "" : at.labels?.[0]?.innerText ?? (at.innerText || at.value || "");
	return { text: text.replace(/\s+/g, " ").trim(), checked: !!at.checked, ring: getComputedStyle(at).outlineStyle !== "none" };
})()`

// to moves the focus to what is labelled so.
func (k *keyboard) to(label string) (checked bool) {
	k.t.Helper()
	var passed []string
	const most = 60
	for range most {
		require.NoError(k.t, chromedp.Do(k.ctx, chromedp.KeyEvent(kb.Tab)))
		var at struct {
			Text          string
			Checked, Ring bool
		}
		k.eval(focused, &at)
		if at.Text != "" {
			require.True(k.t, at.Ring, "it is not seen that %q has the focus", at.Text)
		}
		if strings.Contains(at.Text, label) {
			return at.Checked
		}
		passed = append(passed, at.Text)
	}
	k.t.Fatalf("the keyboard does not reach %q, but %q\n%s", label, passed, k.text())
	return false
}

func (k *keyboard) follow(label string) (status int64) {
	k.to(label)
	return k.goes(chromedp.KeyEvent(kb.Enter))
}

func (k *keyboard) tick(label string, on bool) {
	if k.to(label) != on {
		require.NoError(k.t, chromedp.Do(k.ctx, chromedp.KeyEvent(" ")))
	}
}

func (k *keyboard) text() (text string) {
	k.eval(`document.body.innerText.replace(/\s+/g, " ")`, &text)
	return text
}

func (k *keyboard) says(sentences ...string) {
	text := k.text()
	for _, sentence := range sentences {
		require.Contains(k.t, text, sentence)
	}
}

// ours judges a page of the service: what somebody who sees badly, has a small window or hears the page needs.
const ours = `(() => {
	const wrong = [];
	const say = (what) => wrong.push(what);
	const plain = (text) => text.replace(/[\u2068\u2069]/g, "");
	if (document.title === "" || !plain(document.title).startsWith(plain(document.querySelector("h1")?.innerText ?? "none"))) say("title " + document.title);
	if (document.documentElement.lang !== "en") say("no language");
	if (document.documentElement.scrollWidth > innerWidth) say("wider than the window: " + document.documentElement.scrollWidth);
	for (const at of document.querySelectorAll("nav a")) {
		const box = at.getBoundingClientRect();
		if (box.width === 0 || box.left < 0 || box.right > innerWidth) say("out of sight: " + at.innerText);
	}
	if (document.querySelector("body > header")?.offsetHeight > innerHeight / 6) say("a high header");
	for (const box of document.querySelectorAll("input:not([type=hidden])")) if (!box.labels?.length) say("no label: " + box.outerHTML);
	const light = (text) => {
		const [r, g, b] = text.match(/[\d.]+/g).map((n) => n / 255).map((n) => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (at) => {
		for (; at; at = at.parentElement) {
			const color = getComputedStyle(at).backgroundColor;
			if (!color.endsWith(", 0)")) return color;
		}
		return matchMedia("(prefers-color-scheme: dark)").matches ? "rgb(18, 18, 18)" : "rgb(255, 255, 255)"; // the browser's own
	};
	for (const at of document.querySelectorAll("body *")) {
		if (![...at.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
		const [a, b] = [light(getComputedStyle(at).color), light(behind(at))];
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) say("contrast " + contrast.toFixed(1) + ": " + at.innerText);
	}
	return wrong;
})()`
