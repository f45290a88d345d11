//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// overheard is what no page shows: tokens, codes, states, cookies; and words that open one page alone.
type overheard struct {
	mu       sync.Mutex
	secrets  []string
	openers  []string
	referers []string // what the platforms were told of where the browser came from
}

var tokensOfAnswers = regexp.MustCompile(`"(?:access|refresh)_token": ?"([^"]+)"`)

// listen serves what the platforms serve, and listens.
func (o *overheard) listen(platforms http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		platforms.ServeHTTP(answer, r)
		o.hear(r, answer)
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

func (o *overheard) hear(r *http.Request, answer *httptest.ResponseRecorder) {
	var found []string
	for _, token := range tokensOfAnswers.FindAllStringSubmatch(answer.Body.String(), -1) {
		found = append(found, token[1])
	}
	back, err := url.Parse(answer.Header().Get("Location"))
	if err == nil && back.Query().Has("state") {
		found = append(found, back.Query().Get("code"))
	}
	found = append(found, r.URL.Query().Get("state"))
	o.secret(found...)
	o.mu.Lock()
	defer o.mu.Unlock()
	if from := r.Header.Get("Referer"); from != "" {
		o.referers = append(o.referers, from)
	}
}

// secret notes what must show up nowhere.
func (o *overheard) secret(words ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, word := range words {
		const shortest = 8 // what is shorter is no secret
		if len(word) >= shortest && !slices.Contains(o.secrets, word) {
			o.secrets = append(o.secrets, word)
		}
	}
}

// opener notes a word that stands in the address of its own page, and nowhere else.
func (o *overheard) opener(word string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.openers = append(o.openers, word)
}

// in names what of the secrets stands in a text, also as addresses write it.
func (o *overheard) in(text string, openers bool) (found []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	look := o.secrets
	if openers {
		look = slices.Concat(look, o.openers)
	}
	for _, word := range look {
		if strings.Contains(text, word) || strings.Contains(text, url.QueryEscape(word)) {
			found = append(found, word)
		}
	}
	return found
}

// requireSilence looks for what was overheard wherever somebody else could read it.
func (c *connecting) requireSilence() {
	require.Greater(c.t, len(c.heard.secrets), 20, "tokens, codes, states and cookies were overheard")
	for _, page := range c.visited {
		require.Empty(c.t, c.heard.in(page.shown, false), "a page shows it: %s", page.address)
		require.Empty(c.t, c.heard.in(page.address, false), "the address bar shows it")
	}
	for _, from := range c.heard.referers {
		require.False(c.t, strings.HasPrefix(from, c.p.base+"/connect"), "a platform received %s", from)
	}
	require.Empty(c.t, c.heard.in(c.p.Output.String(), true), "a log line has it")
	require.Contains(c.t, c.p.Output.String(), "/connect/{network}", "the requests of the call-backs are in the log lines")
	metrics := c.p.get("", "/metrics").Says(c.t, http.StatusOK)
	require.Contains(c.t, metrics.Body, "ledgerboard_")
	require.Empty(c.t, c.heard.in(metrics.Body, true), "/metrics has it")
	c.requireSilentLog()
	c.requireSilentTables()
}

func (c *connecting) requireSilentLog() {
	topics, err := app.Topics()
	require.NoError(c.t, err)
	log, err := eventlog.Open(c.t.Context(), eventlog.Config{Brokers: c.p.info.Brokers, Topics: topics})
	require.NoError(c.t, err)
	defer log.Close()
	records := 0
	for _, topic := range topics {
		require.NoError(c.t, log.Scan(c.t.Context(), eventlog.ScanConfig{Topic: topic.Name, Parallel: 1, Handle: func(_ context.Context, run eventlog.Run) error {
			for _, r := range run.Records {
				records++
				text := fmt.Sprintf("%s %s %s", r.Key, r.Headers, r.Value)
				require.Empty(c.t, c.heard.in(text, true), "%s: %s", topic.Name, text)
			}
			return nil
		}}))
	}
	require.Greater(c.t, records, 20)
}

func (c *connecting) requireSilentTables() {
	db := c.p.database()
	tables := c.p.column(`
		select format('%I.%I', n.nspname, t.relname) from pg_class t join pg_namespace n on n.oid = t.relnamespace
		where t.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')`)
	require.True(c.t, slices.ContainsFunc(tables, func(name string) bool { return strings.HasSuffix(name, ".fetch_state") }), "%s", tables)
	for _, table := range tables {
		var text string
		require.NoError(c.t, db.QueryRow(c.t.Context(), "select coalesce(string_agg(t::text, E'\n'), '') from "+table+" t").Scan(&text))
		require.Empty(c.t, c.heard.in(text, true), table)
	}
}
