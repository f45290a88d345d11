//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// named is an id with the name that the directory holds today.
type named struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

// dashboardThen is a dashboard as auditors see it.
type dashboardThen struct {
	SubAccountID  string    `json:"sub_account_id"`
	SubAccountIDs []named   `json:"sub_account_ids"`
	Users         []named   `json:"users"`
	MainPOC       []named   `json:"main_poc"`
	Allow         bool      `json:"allow_client_dashboard"`
	Scopes        []string  `json:"scopes"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// auditEntry is what one record did to one dashboard.
type auditEntry struct {
	Version   int64          `json:"version"`
	Time      time.Time      `json:"time"`
	Type      string         `json:"type"`
	Actor     named          `json:"actor"`
	CommandID string         `json:"command_id"`
	RequestID string         `json:"request_id"`
	Hash      string         `json:"hash"`
	Dashboard named          `json:"dashboard"`
	Before    *dashboardThen `json:"before"`
	After     dashboardThen  `json:"after"`
	Changes   struct {
		AccountsLinked   []named `json:"accounts_linked"`
		AccountsUnlinked []named `json:"accounts_unlinked"`
		UsersAdded       []named `json:"users_added"`
		UsersRemoved     []named `json:"users_removed"`
	} `json:"changes"`
}

func (e auditEntry) key() string { return fmt.Sprintf("%d %s", e.Version, e.Dashboard.ID) }

type auditPage[T any] struct {
	Data []T `json:"data"`
	Meta struct {
		AsOf struct {
			Version int64 `json:"version"`
		} `json:"as_of"`
		NextCursor string `json:"next_cursor"`
	} `json:"meta"`
}

// allPages follows the cursor from page to page.
func allPages[T any](p *program, path string, query url.Values, each func()) (all []T) {
	p.t.Helper()
	for {
		var page auditPage[T]
		p.get(p.info.Tokens["auditor"], path+"?"+query.Encode()).ok(p.t, http.StatusOK).into(p.t, &page)
		all = append(all, page.Data...)
		if page.Meta.NextCursor == "" {
			return all
		}
		query.Set("cursor", page.Meta.NextCursor)
		each()
	}
}

func (p *program) agencyHistory(query url.Values) []auditEntry {
	p.t.Helper()
	query.Set("limit", "100")
	return allPages[auditEntry](p, "/api/audit/history", query, func() {})
}

// replayed is a line of `replay --format json`.
type replayed struct {
	Version      int64     `json:"version"`
	Time         time.Time `json:"time"`
	Event        string    `json:"event"`
	Actor        string    `json:"actor"`
	CommandID    string    `json:"command_id"`
	RequestID    string    `json:"request_id"`
	Hash         string    `json:"hash"`
	Dashboard    string    `json:"dashboard"`
	Linked       []string  `json:"linked"`
	Unlinked     []string  `json:"unlinked"`
	UsersAdded   []string  `json:"users_added"`
	UsersRemoved []string  `json:"users_removed"`
}

func idsOf(list []named) []string {
	found := make([]string, 0, len(list))
	for _, n := range list {
		found = append(found, n.ID)
	}
	slices.Sort(found)
	return found
}

func lines[T any](t *testing.T, text string) (all []T) {
	t.Helper()
	for line := range strings.Lines(text) {
		var value T
		require.NoError(t, json.Unmarshal([]byte(line), &value), line)
		all = append(all, value)
	}
	return all
}

// variables are the settings by which a command reaches a running demo.
func (p *program) variables() map[string]string {
	return map[string]string{
		"KAFKA_BROKERS": strings.Join(p.info.Brokers, ","), "DATABASE_URL": p.info.DatabaseURL, "DATA_DIR": p.dir,
	}
}

// TestAudit is an auditor's whole way: the history over HTTP while it grows, the same from the log, the
// files, the proof that is taken away, and a person who is erased.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	p := startDemo(t, dir, "--roles", "api,projector,signer") // nothing is fetched; checkpoints are signed
	a := &audit{p, t}
	t.Run("pages are complete while the history grows", a.pagesWhileWriting)
	t.Run("each filter shows what it names", a.filters)
	t.Run("state, diff and access are those of the history", a.states)
	t.Run("the log says the same as HTTP", a.replayEqualsHistory)
	t.Run("exports hold the history and no formula", a.exports)
	t.Run("who looked is recorded", a.readsAreRecorded)
	t.Run("everything verifies", a.verifies)
	t.Run("an erased person is an id, and everything verifies", a.erasedPerson)
	t.Run("a proof is checked without the service", a.bundle)
}

type audit struct {
	*program

	t *testing.T
}

// flip changes two dashboards until stop is closed; every change makes a record.
func (a *audit) flip(t *testing.T, stop <-chan struct{}, changes *int) {
	t.Helper()
	for n := 0; ; n++ {
		select {
		case <-stop:
			*changes = n
			return
		default:
		}
		account := a.info.IDs.SubAccounts[n%2]
		a.put(a.info.Tokens["agency"], dashboardPath(account), fmt.Sprintf(`{"scopes":["analytics","s%d"]}`, n)).ok(t, http.StatusOK)
	}
}

func (a *audit) pagesWhileWriting(t *testing.T) {
	var meta auditPage[auditEntry]
	a.get(a.info.Tokens["auditor"], "/api/audit/history?limit=1").ok(t, http.StatusOK).into(t, &meta)
	start := meta.Meta.AsOf.Version
	require.GreaterOrEqual(t, start, int64(500), "a year of link history")
	want := a.column(fmt.Sprintf(`select version || ' ' || sub_account_id from dashboard_history
		where parent_account = '%s' and version <= %d order by version, sub_account_id`, a.info.IDs.ParentAccount, start))
	stop := make(chan struct{})
	changes := 0
	var writing sync.WaitGroup
	writing.Go(func() { a.flip(t, stop, &changes) })
	for _, order := range []string{"asc", "desc"} {
		all := allPages[auditEntry](a.program, "/api/audit/history", url.Values{"limit": {"37"}, "order": {order}}, func() {})
		if order == "desc" {
			slices.Reverse(all)
		}
		var got []string
		seen := map[string]bool{}
		last := int64(0)
		for _, e := range all {
			require.False(t, seen[e.key()], "%s: %s is there twice", order, e.key())
			seen[e.key()] = true
			require.GreaterOrEqual(t, e.Version, last, order)
			last = e.Version
			if e.Version <= start {
				got = append(got, e.key())
			}
		}
		slices.SortFunc(got, byVersion)
		slices.SortFunc(want, byVersion)
		require.Equal(t, want, got, order)
	}
	close(stop)
	writing.Wait()
	require.Positive(t, changes)
}

func byVersion(a, b string) int {
	va, sa, _ := strings.Cut(a, " ")
	vb, sb, _ := strings.Cut(b, " ")
	na, _ := strconv.Atoi(va)
	nb, _ := strconv.Atoi(vb)
	if na != nb {
		return na - nb
	}
	return strings.Compare(sa, sb)
}

func (a *audit) filters(t *testing.T) {
	all := a.agencyHistory(url.Values{"order": {"asc"}})
	var linked, unlinked auditEntry
	for _, e := range all {
		if len(e.Changes.AccountsUnlinked) > 0 {
			unlinked = e
		}
		if len(e.Changes.UsersAdded) > 0 {
			linked = e
		}
	}
	require.NotZero(t, linked.Version)
	require.NotZero(t, unlinked.Version)
	day := all[len(all)/2].Time.UTC().Format(time.DateOnly)
	names := func(lists ...[]named) (found []string) {
		for _, list := range lists {
			found = append(found, idsOf(list)...)
		}
		return found
	}
	for name, test := range map[string]struct {
		query url.Values
		keep  func(e auditEntry) bool
	}{
		"type":  {url.Values{"type": {"accounts_unlinked"}}, func(e auditEntry) bool { return e.Type == "dashboard.accounts_unlinked.v1" }},
		"actor": {url.Values{"actor": {strings.ToUpper(linked.Actor.ID)}}, func(e auditEntry) bool { return e.Actor.ID == linked.Actor.ID }},
		"user": {url.Values{"user": {linked.Changes.UsersAdded[0].ID}}, func(e auditEntry) bool {
			return slices.Contains(names(e.Changes.UsersAdded, e.Changes.UsersRemoved), linked.Changes.UsersAdded[0].ID)
		}},
		"account": {url.Values{"account": {unlinked.Changes.AccountsUnlinked[0].ID}}, func(e auditEntry) bool {
			if e.Dashboard.ID == unlinked.Changes.AccountsUnlinked[0].ID { // of itself: every change of its links
				return len(e.Changes.AccountsLinked)+len(e.Changes.AccountsUnlinked) > 0
			}
			return slices.Contains(names(e.Changes.AccountsLinked, e.Changes.AccountsUnlinked), unlinked.Changes.AccountsUnlinked[0].ID)
		}},
		"from and to": {url.Values{"from": {day}, "to": {day}}, func(e auditEntry) bool { return e.Time.UTC().Format(time.DateOnly) == day }},
		"several": {url.Values{"type": {"users_changed,accounts_linked"}, "to": {day}}, func(e auditEntry) bool {
			return (e.Type == "dashboard.users_changed.v1" || e.Type == "dashboard.accounts_linked.v1") && e.Time.UTC().Format(time.DateOnly) <= day
		}},
	} {
		t.Run(name, func(t *testing.T) {
			test.query.Set("order", "asc")
			var want []string
			for _, e := range all {
				if test.keep(e) {
					want = append(want, e.key())
				}
			}
			require.NotEmpty(t, want)
			var got []string
			for _, e := range a.agencyHistory(test.query) {
				got = append(got, e.key())
			}
			require.Equal(t, want, got)
		})
	}
	sub := a.info.IDs.SubAccounts[1]
	own := allPages[auditEntry](a.program, dashboardPath(sub)+"/history", url.Values{"limit": {"50"}}, func() {})
	count := 0
	for _, e := range all {
		if e.Dashboard.ID == sub {
			count++
		}
	}
	require.Len(t, own, count)
}

func (a *audit) states(t *testing.T) {
	sub := a.info.IDs.SubAccounts[0]
	own := allPages[auditEntry](a.program, dashboardPath(sub)+"/history", url.Values{"limit": {"100"}, "order": {"asc"}}, func() {})
	auditor := a.info.Tokens["auditor"]
	type stateAnswer struct {
		Data struct {
			State dashboardThen `json:"state"`
		} `json:"data"`
	}
	for _, i := range []int{0, 1, len(own) / 2, len(own) - 1} {
		e := own[i]
		for _, at := range []string{"version=" + strconv.FormatInt(e.Version, 10), "at=" + e.Time.Format(time.RFC3339Nano)} {
			var answer stateAnswer
			a.get(auditor, dashboardPath(sub)+"/state?"+at).ok(t, http.StatusOK).into(t, &answer)
			require.Equal(t, e.After, answer.Data.State, at)
		}
	}
	before := own[0].Time.Add(-time.Microsecond).Format(time.RFC3339Nano)
	require.Equal(t, http.StatusNotFound, a.get(auditor, dashboardPath(sub)+"/state?at="+before).status, "it did not exist yet")

	from, to := own[len(own)/3], own[2*len(own)/3]
	var diff struct {
		Data struct {
			Changes struct {
				UsersAdded   []named `json:"users_added"`
				UsersRemoved []named `json:"users_removed"`
			} `json:"changes"`
		} `json:"data"`
	}
	a.get(auditor, fmt.Sprintf("%s/diff?from=v%d&to=v%d", dashboardPath(sub), from.Version, to.Version)).ok(t, http.StatusOK).into(t, &diff)
	require.Equal(t, minus(idsOf(to.After.Users), idsOf(from.After.Users)), idsOf(diff.Data.Changes.UsersAdded))
	require.Equal(t, minus(idsOf(from.After.Users), idsOf(to.After.Users)), idsOf(diff.Data.Changes.UsersRemoved))

	asked := 0
	for _, e := range own {
		for _, user := range e.Changes.UsersRemoved {
			if asked++; asked > 5 {
				return
			}
			var access struct {
				Data struct {
					Access bool `json:"access"`
					Listed struct {
						Value     bool       `json:"value"`
						DecidedBy auditEntry `json:"decided_by"`
					} `json:"listed"`
				} `json:"data"`
			}
			a.get(auditor, fmt.Sprintf("%s/access?user_id=%s&version=%d", dashboardPath(sub), user.ID, e.Version)).ok(t, http.StatusOK).into(t, &access)
			require.False(t, access.Data.Listed.Value)
			require.False(t, access.Data.Access)
			require.Equal(t, e.Version, access.Data.Listed.DecidedBy.Version, "the record that took the access")
			a.get(auditor, fmt.Sprintf("%s/access?user_id=%s&version=%d", dashboardPath(sub), user.ID, e.Version-1)).ok(t, http.StatusOK).into(t, &access)
			require.True(t, access.Data.Listed.Value)
			require.Equal(t, e.Before.Allow, access.Data.Access)
		}
	}
	require.Positive(t, asked)
}

func minus(list, without []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return slices.Contains(without, id) })
}

func (a *audit) replay(t *testing.T, variables map[string]string, args ...string) []replayed {
	t.Helper()
	ran := command(t, variables, append([]string{"replay", "--format", "json"}, args...)...)
	require.Equal(t, done, ran.code, ran.err)
	return lines[replayed](t, ran.out)
}

func (a *audit) replayEqualsHistory(t *testing.T) {
	history := a.agencyHistory(url.Values{"order": {"asc"}})
	same := func(want []auditEntry, got []replayed) {
		t.Helper()
		require.Len(t, got, len(want))
		byKey := map[string]replayed{}
		for _, r := range got {
			byKey[fmt.Sprintf("%d %s", r.Version, r.Dashboard)] = r
		}
		for _, e := range want {
			r, there := byKey[e.key()]
			require.True(t, there, e.key())
			require.Equal(t, []string{e.Type, e.Actor.ID, e.CommandID, e.RequestID, e.Hash}, []string{r.Event, r.Actor, r.CommandID, r.RequestID, r.Hash}, e.key())
			require.True(t, e.Time.Equal(r.Time), e.key())
			require.ElementsMatch(t, idsOf(e.Changes.UsersAdded), r.UsersAdded, e.key())
			require.ElementsMatch(t, idsOf(e.Changes.UsersRemoved), r.UsersRemoved, e.key())
			require.ElementsMatch(t, idsOf(e.Changes.AccountsLinked), r.Linked, e.key())
			require.ElementsMatch(t, idsOf(e.Changes.AccountsUnlinked), r.Unlinked, e.key())
		}
	}
	parent := a.info.IDs.ParentAccount
	same(history, a.replay(t, a.variables(), "--parent", parent))
	sub, version := a.info.IDs.SubAccounts[0], history[len(history)/2].Version
	var part []auditEntry
	for _, e := range history {
		if e.Dashboard.ID == sub && e.Version <= version {
			part = append(part, e)
		}
	}
	same(part, a.replay(t, a.variables(), "--parent", parent, "--dashboard", sub, "--version", strconv.FormatInt(version, 10)))
	for _, format := range []string{"table", "csv"} {
		ran := command(t, a.variables(), "replay", "--parent", parent, "--format", format)
		require.Equal(t, done, ran.code, ran.err)
		require.Equal(t, len(history)+1, strings.Count(ran.out, "\n"), "a line for each change, and the titles")
	}
	hashes := map[int64]string{}
	for _, r := range a.replay(t, a.variables(), "--parent", parent, "--hashes") {
		hashes[r.Version] = r.Hash
	}
	for _, e := range history {
		require.Equal(t, e.Hash, hashes[e.Version], e.key())
	}
	wrong := command(t, a.variables(), "replay", "--parent", parent, "--until", "yesterday")
	require.Equal(t, misused, wrong.code)
	require.Contains(t, wrong.err, "2026-03-14")
}

func (a *audit) exports(t *testing.T) {
	// A name that a spreadsheet would take for a formula.
	sub := a.info.IDs.SubAccounts[0]
	const formula = `=HYPERLINK("http://evil.example","x")`
	row := `{"type":"directory.account.v1","data":{"id":"` + sub + `","row_id":` + strconv.FormatInt(a.info.IDs.Accounts[0], 10) +
		`,"parent_account":"` + a.info.IDs.ParentAccount + `","name":` + strconv.Quote(formula) + `,"active":true}}`
	file := filepath.Join(t.TempDir(), "name.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(row+"\n"), 0o600))
	imported := command(t, a.variables(), "import", file)
	require.Equal(t, done, imported.code, imported.err)
	a.await(patience, "the new name", func() bool {
		return strings.Contains(string(a.get(a.info.Tokens["agency"], dashboardPath(sub)).body), "HYPERLINK")
	})
	history := a.agencyHistory(url.Values{"order": {"asc"}})
	auditor := a.info.Tokens["auditor"]
	answer := a.get(auditor, "/api/audit/export?format=csv").ok(t, http.StatusOK)
	require.Contains(t, answer.header.Get("Content-Disposition"), "attachment")
	rows, err := csv.NewReader(bytes.NewReader(answer.body)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, len(history)+2, "titles, entries, the last line")
	title := map[string]int{}
	for i, name := range rows[0] {
		title[name] = i
	}
	for i, e := range history {
		row := rows[i+1]
		require.Equal(t, strconv.FormatInt(e.Version, 10), row[title["version"]])
		require.Equal(t, e.Hash, row[title["hash"]])
		if e.Dashboard.ID == sub {
			require.Equal(t, "'"+formula, row[title["dashboard_name"]])
		}
		for _, cell := range row {
			require.False(t, cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r"), "%q begins as a formula does", cell)
		}
	}
	require.Contains(t, rows[len(rows)-1][0], fmt.Sprintf("complete=true entries=%d", len(history)))

	var trailer struct {
		Complete bool `json:"complete"`
		Entries  int  `json:"entries"`
	}
	text := strings.TrimSpace(string(a.get(auditor, "/api/audit/export?format=jsonl").ok(t, http.StatusOK).body))
	cut := strings.LastIndexByte(text, '\n')
	require.NoError(t, json.Unmarshal([]byte(text[cut+1:]), &trailer))
	require.True(t, trailer.Complete)
	require.Equal(t, len(history), trailer.Entries)
	require.Equal(t, history, lines[auditEntry](t, text[:cut]+"\n"))
	require.Equal(t, http.StatusBadRequest, a.get(auditor, "/api/audit/export?format=xlsx").status)
}

func (a *audit) readsAreRecorded(t *testing.T) {
	auditor := a.info.Tokens["auditor"]
	sub := a.info.IDs.SubAccounts[0]
	looks := map[string]string{
		"look-history": dashboardPath(sub) + "/history?limit=1", "look-state": dashboardPath(sub) + "/state?version=500",
		"look-diff":   dashboardPath(sub) + "/diff?from=v500",
		"look-access": dashboardPath(sub) + "/access?user_id=" + a.info.IDs.Users[0].ID,
		"look-agency": "/api/audit/history?limit=1", "look-export": "/api/audit/export?format=csv&from=2099-01-01",
	}
	ids := map[string]string{} // of requests
	for look, path := range looks {
		ids[look] = a.get(auditor, path, "X-Request-Id", look).ok(t, http.StatusOK).header.Get("X-Request-Id")
		require.NotEqual(t, look, ids[look], "what a caller writes is not recorded")
	}
	type read struct {
		Type      string `json:"type"`
		Actor     named  `json:"actor"`
		Role      string `json:"role"`
		RequestID string `json:"request_id"`
	}
	a.await(patience, "the looks to be listed", func() bool {
		found := map[string]read{}
		for _, r := range allPages[read](a.program, "/api/audit/reads", url.Values{"limit": {"100"}}, func() {}) {
			found[r.RequestID] = r
		}
		for _, request := range ids {
			if _, there := found[request]; !there {
				return false
			}
			require.Equal(t, "auditor", found[request].Role)
			require.NotEmpty(t, found[request].Actor.ID)
		}
		require.Equal(t, "audit.exported.v1", found[ids["look-export"]].Type)
		require.Equal(t, "audit.read.v1", found[ids["look-history"]].Type)
		return true
	})
	require.Equal(t, http.StatusForbidden, a.get(a.info.Tokens["client"], "/api/audit/reads").status)
	require.Equal(t, http.StatusForbidden, a.get(a.info.Tokens["operator"], "/api/audit/history").status)
}

// verifyReport is what of `verify --json` is looked at.
type verifyReport struct {
	Effective   int64             `json:"effective"`
	Checkpoints int               `json:"checkpoints"`
	Findings    []json.RawMessage `json:"findings"`
}

func (a *audit) verifies(t *testing.T) {
	a.await(patience, "a signed checkpoint", func() bool { // the file has it a moment before it is counted
		return !strings.Contains(string(a.get("", "/metrics").ok(t, http.StatusOK).body), `ledgerboard_checkpoint_turns_total{outcome="signed"} 0`)
	})
	metrics := string(a.get("", "/metrics").ok(t, http.StatusOK).body)
	require.Regexp(t, `ledgerboard_checkpoint_turns_total\{outcome="signed"\} [1-9]`, metrics)
	require.Contains(t, metrics, "ledgerboard_checkpoint_refused 0")
	require.Contains(t, metrics, "ledgerboard_notice_connections 0")
	ran := command(t, a.variables(), "verify", "--all", "--json")
	require.Equal(t, done, ran.code, "%s%s", ran.out, ran.err)
	var report verifyReport
	require.NoError(t, json.Unmarshal([]byte(ran.out), &report))
	require.Empty(t, report.Findings)
	require.Positive(t, report.Checkpoints)
	plain := command(t, a.variables(), "verify", "--parent", a.info.IDs.ParentAccount)
	require.Equal(t, done, plain.code, "%s%s", plain.out, plain.err)
	require.Contains(t, plain.out, clean)

	// What the tables say is compared with the log.
	db := a.database()
	_, err := db.Exec(t.Context(), `update dashboard_history set actor = repeat('0', 24) where parent_account = $1 and version = 300`, a.info.IDs.ParentAccount)
	require.NoError(t, err)
	altered := command(t, a.variables(), "verify", "--tables")
	require.Equal(t, finding, altered.code)
	require.Contains(t, altered.out, "version=300")
	require.Contains(t, altered.out, "differs in actor")
	_, err = db.Exec(t.Context(), `update dashboard_history set actor = $2 where parent_account = $1 and version = 300`,
		a.info.IDs.ParentAccount, a.actorOf(t, 300))
	require.NoError(t, err)
	require.Equal(t, done, command(t, a.variables(), "verify", "--tables").code)
}

// actorOf is who made a version, by the log.
func (a *audit) actorOf(t *testing.T, version int64) string {
	t.Helper()
	for _, r := range a.replay(t, a.variables(), "--parent", a.info.IDs.ParentAccount) {
		if r.Version == version {
			return r.Actor
		}
	}
	require.FailNow(t, "the log has no such version")
	return ""
}

func (a *audit) erasedPerson(t *testing.T) {
	var person named
	for _, e := range a.agencyHistory(url.Values{}) {
		for _, user := range e.After.Users {
			if user.Name != nil {
				person = user
			}
		}
	}
	require.NotEmpty(t, person.ID)
	shown := command(t, a.variables(), "erase", "--user", person.ID)
	require.Equal(t, misused, shown.code)
	require.Contains(t, shown.out, "Would be erased")
	require.Contains(t, shown.err, "--yes")
	erased := command(t, a.variables(), "erase", "--user", person.ID, "--yes", "--reason", "customer_request", "--ordered-by", "person",
		"--ground", "consent_withdrawn", "--due", "2026-12-21")
	require.Equal(t, done, erased.code, erased.err)
	require.Contains(t, erased.out, person.ID)
	mentioned := 0
	for _, e := range a.agencyHistory(url.Values{}) {
		for _, user := range e.After.Users {
			if user.ID == person.ID {
				mentioned++
				require.Nil(t, user.Name)
			}
		}
	}
	require.Positive(t, mentioned)
	require.Equal(t, done, command(t, a.variables(), "verify", "--all").code)
	again := command(t, a.variables(), "erase", "--user", person.ID, "--yes", "--reason", "customer_request", "--ordered-by", "person",
		"--ground", "consent_withdrawn", "--due", "2026-12-21")
	require.Equal(t, done, again.code, again.err)
	require.Contains(t, again.out, "erased before")
}

func (a *audit) bundle(t *testing.T) {
	parent, key := a.info.IDs.ParentAccount, a.info.CheckpointPublicKey
	require.NotEmpty(t, key)
	before := a.replay(t, a.variables(), "--parent", parent)
	a.Stop()
	file := filepath.Join(t.TempDir(), "proof.jsonl")
	exported := command(t, nil, "export", "--data-dir", a.dir, "--parent", parent, "--bundle", file)
	require.Equal(t, done, exported.code, exported.err)
	verified := command(t, nil, "verify", "--bundle", file, "--key", key)
	require.Equal(t, done, verified.code, "%s%s", verified.out, verified.err)
	require.Contains(t, verified.out, clean)
	require.Equal(t, before, a.replay(t, nil, "--bundle", file, "--key", key))

	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	tampered := filepath.Join(t.TempDir(), "tampered.jsonl")
	for name, alter := range map[string]func(lines [][]byte) [][]byte{
		"a record is gone": func(lines [][]byte) [][]byte { return slices.Delete(lines, 300, 301) },
		"two changed places": func(lines [][]byte) [][]byte {
			lines[200], lines[201] = lines[201], lines[200]
			return lines
		},
		"the end is cut off": func(lines [][]byte) [][]byte { return lines[:len(lines)-20] },
		"a byte differs": func(lines [][]byte) [][]byte {
			i := bytes.Index(lines[150], []byte(`"value":"`)) + 100
			lines[150][i] ^= 1
			return lines
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(tampered, bytes.Join(alter(bytes.Split(bytes.Clone(raw), []byte("\n"))), []byte("\n")), 0o600))
			refused := command(t, nil, "verify", "--bundle", tampered, "--key", key)
			require.Equal(t, finding, refused.code)
			require.NotContains(t, refused.out, "othing was altered")
			require.NotEmpty(t, refused.out+refused.err)
			require.Equal(t, finding, command(t, nil, "replay", "--bundle", tampered, "--key", key).code)
		})
	}
	require.Equal(t, misused, command(t, nil, "verify", "--bundle", file).code, "without a key")
}
