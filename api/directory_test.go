package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// erasedMember is when member 99 was erased.
var erasedMember = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// directoryDeps returns the real commands and queries of the directory on a log.
func directoryDeps(log *ledgertest.Log, local bool) *api.DirectoryDeps {
	registry := domain.NewRegistry()
	told := directory.Lookup{Pool: log.DB.ReadOnly, Registry: registry, Progress: pg.NewProgress()}
	return &api.DirectoryDeps{
		Feed: commands.FeedDirectory{
			Append: log.AppendBatch, Tables: told, Registry: registry, Local: local, Now: time.Now,
		},
		Entities: told,
		Local:    commands.LocalDirectory{Log: log, Tables: told, Local: local, Now: time.Now},
	}
}

// fedBy returns the response to a request of lines.
type fedBy struct {
	ledgertest.Answer
	commands.FeedResult
}

func (b *bundle) feed(query string, lines ...string) fedBy {
	b.t.Helper()
	return b.feedBody(query, strings.Join(lines, "\n"))
}

func (b *bundle) feedBody(query, body string, headers ...string) fedBy {
	b.t.Helper()
	headers = append([]string{"Authorization: Bearer " + b.tokenOf("main_app"), "Content-Type: application/x-ndjson"}, headers...)
	fed := fedBy{Answer: b.ask(http.MethodPost, "/api/directory"+query, body, headers...)}
	if fed.Status == http.StatusOK {
		fed.Data(b.t, &fed.FeedResult)
	}
	return fed
}

// setupFed returns a server whose directory a main application imports.
func setupFed(t *testing.T) *bundle {
	t.Helper()
	log := tenants(t)
	b := setup(t, func(d *api.Deps) { d.Directory = directoryDeps(log, false) })
	require.NoError(t, log.Append(t.Context(), commands.NewDraft(domain.TopicOperations, agency, domain.PersonErased{Members: []int64{99}}, erasedMember)))
	b.facts = log
	return b
}

func category(id int, name, at string) string {
	return fmt.Sprintf(`{"type":"directory.category.v1","updated_at":%q,"data":{"id":%d,"name":%q}}`, at, id, name)
}

// entity reads an entity.
func (b *bundle) entity(path string) (status int, data map[string]any) {
	b.t.Helper()
	a := b.get("/api/directory/"+path, b.tokenOf("main_app"))
	data, _ = a.Object(b.t)["data"].(map[string]any)
	return a.Status, data
}

// Lines are validated separately and reported by number. Valid lines are in the log, even if others
// are invalid.
func TestDirectoryImportValidatesLinesSeparately(t *testing.T) {
	t.Parallel()
	b := setupFed(t)
	before := len(b.facts.Records(domain.TopicDirectory))
	fed := b.feed("",
		category(41, "Events", "2026-01-01T10:00:00Z"),
		"",
		`{"type":"directory.user.v1","data":{"id":"nobody","account_id":"`+client1+`"}}`,
		`{"type":"directory.invoice.v1","data":{}}`,
		`not JSON`,
		category(42, "From the future", time.Now().Add(time.Hour).Format(time.RFC3339)),
		fmt.Sprintf(`{"type":"directory.member.v1","data":{"id":%d,"account_id":"%s"}}`, domain.FirstComputedID, client1),
		`{"type":"directory.account.v1","updated_at":"2026-01-01T10:00:00Z","data":{"id":"`+strings.ToUpper(client2)+`","row_id":12,"parent_account":"`+agency+`","name":"Renamed","active":true}}`,
		category(43, strings.Repeat("x", commands.MaxFeedLine), "2026-01-01T10:00:00Z"),
		`{"type":"dashboard.opened.v1","data":{}}`,
	)
	require.Equal(t, http.StatusOK, fed.Status, fed.Body)
	require.Equal(t, []int{2, 0, 7}, []int{fed.Taken, fed.Unchanged, fed.Refused}, fed.Body)
	outcomes := map[int]commands.FeedLine{}
	for _, l := range fed.Lines {
		outcomes[l.Line] = l
	}
	require.NotContains(t, outcomes, 2, "an empty line does not count")
	for line, reason := range map[int]string{
		3: "24 hex digits", 4: "unknown event type", 5: "not a JSON object", 6: "in the future", 7: "ids from", 9: "longer than", 10: "linked set",
	} {
		require.Equal(t, commands.FeedRefused, outcomes[line].Outcome, line)
		require.Contains(t, outcomes[line].Reason, reason)
	}
	require.Len(t, b.facts.Records(domain.TopicDirectory), before+2)

	status, entity := b.entity("account/" + client2)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "Renamed", entity["data"].(map[string]any)["name"])
	require.Equal(t, "2026-01-01T10:00:00Z", entity["updated_at"])
	record, err := b.facts.Decode(b.facts.Records(domain.TopicDirectory)[before])
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC), record.Envelope.Time, "ce_time is the entity's own")
	status, _ = b.entity("category/44")
	require.Equal(t, http.StatusNotFound, status)
}

// A name that shows nothing, or that turns the direction of the sentence around it, is refused
// where it is sent, as are numbers of platforms that do not exist. Texts of posts are not names.
func TestImportRefusesInvisibleAndBidiNames(t *testing.T) {
	t.Parallel()
	b := setupFed(t)
	account := func(name string) string {
		return `{"type":"directory.account.v1","data":{"id":"` + client2 + `","row_id":12,"parent_account":"` + agency + `","name":"` + name + `","active":true}}`
	}
	before := len(b.facts.Records(domain.TopicDirectory))
	fed := b.feed("",
		account(" \u3000"), account("\u200b"), account("Mara\u202egnp"), category(41, "\u2067x", "2026-01-01T10:00:00Z"),
		`{"type":"directory.connection.v1","data":{"id":5,"member_id":7,"p_id":5}}`,
		`{"type":"directory.social_account.v1","data":{"id":5,"parent_account":"`+agency+`","account_id":"`+client1+`","member_id":7,"connection_id":5,"p_id":3,"a_type":9,"external_id":"1"}}`,
		`{"type":"directory.subscription.v1","data":{"id":5,"account_id":"`+client1+`","plan":"x","currency":"Euro","starts_at":"2026-01-01T00:00:00Z"}}`,
		`{"type":"directory.account.v1","data":{"id":"`+client2+`","row_id":12,"parent_account":"`+agency+`","name":"x","time_zone":"Local","active":true}}`,
	)
	require.Equal(t, 8, fed.Refused, fed.Body)
	for i, reason := range []string{
		"name has no visible character", "name has no visible character", "name contains a control character for text direction", "direction",
		"p_id 5 is not a platform; use one of 1", "a_type 9", "write it like EUR", "time_zone is not a time zone",
	} {
		require.Contains(t, fed.Lines[i].Reason, reason)
	}
	require.Len(t, b.facts.Records(domain.TopicDirectory), before)
	fed = b.feed("", account("\u200fפרחים 2"), category(41, "", "2026-01-01T10:00:00Z"),
		`{"type":"directory.connection.v1","id":"5","erase":true}`,
		`{"type":"directory.subscription.v1","data":{"id":5,"account_id":"`+client1+`","plan":"x","currency":"eur","starts_at":"2026-01-01T00:00:00Z"}}`)
	require.Zero(t, fed.Refused, fed.Body)
	status, entity := b.entity("subscription/5")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "EUR", entity["data"].(map[string]any)["currency"])

	local := setup(t, func(d *api.Deps) { d.Directory = directoryDeps(b.facts, true) })
	for _, path := range []string{"/api/accounts", "/api/users"} {
		for _, name := range []string{"\u200b", "Mara\u202egnp", "a\u2028b"} {
			a := local.ask(http.MethodPost, path, `{"name":"`+name+`","email":"office@mill.example.com"}`, "Authorization: Bearer "+local.token(agency, "agency"))
			require.Equal(t, http.StatusBadRequest, a.Status, a.Body)
			require.Equal(t, "name", a.Failure(t).Errors[0].Field)
		}
	}
}

// With atomic=true, one invalid line causes all to be refused, and the response lists every invalid
// line. An import that the log did not acknowledge is an error; repeating the request is safe.
func TestAtomicImportRefusesAllLines(t *testing.T) {
	t.Parallel()
	b := setupFed(t)
	before := len(b.facts.Records(domain.TopicDirectory))
	fed := b.feed("?atomic=true", category(41, "Events", "2026-01-01T10:00:00Z"), `{}`, `{"type":"directory.user.v1","erase":true}`).Says(t, http.StatusUnprocessableEntity)
	failure := fed.Failure(t)
	require.Len(t, failure.Errors, 2)
	require.Equal(t, "line 2", failure.Errors[0].Field)
	require.Len(t, b.facts.Records(domain.TopicDirectory), before, "nothing was appended")
	b.facts.Fail(errors.New("no brokers"))
	b.feed("?atomic=true", category(41, "Events", "2026-01-01T10:00:00Z")).Says(t, http.StatusServiceUnavailable, "some may be stored, also with atomic=true. Send the same request again")
	b.facts.Fail(nil)
	require.Equal(t, 1, b.feed("?atomic=true", category(41, "Events", "2026-01-01T10:00:00Z")).Taken)
}

// A line that was compared with tables without a person's erasure, and appended after it, is erased.
func TestLineImportedDuringErasureIsErased(t *testing.T) {
	t.Parallel()
	log := tenants(t)
	b := setup(t, func(d *api.Deps) {
		d.Directory = directoryDeps(log, false)
		d.Directory.Feed.Append = func(ctx context.Context, drafts []domain.Draft) []error {
			if _, lines := drafts[0].Data.(domain.DirectoryMember); lines {
				require.NoError(t, log.Append(ctx, commands.NewDraft(domain.TopicOperations, agency,
					domain.PersonErased{Members: []int64{77}, Profiles: []int64{770}}, time.Now())))
			}
			return log.AppendBatch(ctx, drafts)
		}
	})
	fed := b.feed("",
		`{"type":"directory.member.v1","updated_at":"2026-01-01T10:00:00Z","data":{"id":77,"account_id":"`+client1+`","name":"Erna"}}`,
		category(41, "Events", "2026-01-01T10:00:00Z"),
		`{"type":"metrics.post_registered.v1","data":{"parent_account":"`+agency+`","account_id":"`+client1+`","member_id":77,"social_account_id":770,"p_id":4,`+
			`"external_id":"urn:li:share:1","origin":"main_app","registered_at":"2026-01-01T10:00:00Z","content":"Erna was here"}}`)
	require.Equal(t, 3, fed.Taken, fed.Body)
	status, _ := b.entity("member/77")
	require.Equal(t, http.StatusNotFound, status)
	status, _ = b.entity("category/41")
	require.Equal(t, http.StatusOK, status)
	contents := log.Records(domain.TopicContents)
	require.Nil(t, contents[len(contents)-1].Value)
	require.Contains(t, string(contents[len(contents)-1].Key), "770")
}

// Repeated and older lines change nothing, even within one request; an erasure counts like any
// other state. Of two states with one time, as origins send that store whole seconds, the later line
// counts.
func TestImportIsIdempotent(t *testing.T) {
	t.Parallel()
	b := setupFed(t)
	first := []string{category(41, "first", "2026-01-01T10:00:00Z"), category(41, "second", "2026-01-01T11:00:00+01:00")}
	require.Equal(t, 2, b.feed("", first...).Taken, "one instant, in two zones")
	_, second := b.entity("category/41")
	require.Equal(t, "second", second["data"].(map[string]any)["name"])
	require.Equal(t, 1, b.feed("", first[1]).Unchanged, "the same line again")
	require.Equal(t, 1, b.feed("", first[0]).Taken)
	_, replaced := b.entity("category/41")
	require.Equal(t, "first", replaced["data"].(map[string]any)["name"], "the response follows the tables")
	require.Equal(t, 1, b.feed("", category(41, "third", "2026-01-01T12:00:00Z")).Taken)
	fed := b.feed("", first...)
	require.Equal(t, 2, fed.Unchanged, "after a later one")
	require.Contains(t, fed.Lines[1].Reason, "is earlier")

	erase := `{"type":"directory.category.v1","id":"41","erase":true,"updated_at":"2026-01-01T12:00:00Z"}`
	require.Equal(t, 1, b.feed("", erase).Taken, "an erasure stands before what is of its time")
	require.Equal(t, 1, b.feed("", erase).Unchanged, "there is nothing to erase")
	status, _ := b.entity("category/41")
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, 1, b.feed("", category(41, "again", "2026-01-01T12:00:01Z")).Taken)

	untimed := `{"type":"directory.category.v1","data":{"id":50,"name":"no time"}}`
	require.Equal(t, 1, b.feed("", untimed).Taken)
	require.Equal(t, 1, b.feed("", untimed).Unchanged, "what is the same is not told again")
	dated := `{"type":"directory.subscription.v1","data":{"id":51,"account_id":"` + client1 + `","plan":"managed","starts_at":"2023-01-01T00:00:00Z"}}`
	require.Equal(t, 1, b.feed("", dated).Taken)
	require.Equal(t, 1, b.feed("", dated).Unchanged, "a date is the same in any location")

	// Lines that say no time count in their order, also an erasure and what is created again after
	// it.
	named := func(name string) string { return strings.Replace(untimed, "no time", name, 1) }
	for _, lines := range [][]string{{named("first"), named("last")}, {`{"type":"directory.category.v1","id":"50","erase":true}`, named("last")}} {
		require.Equal(t, 2, b.feed("", lines...).Taken)
		_, entity := b.entity("category/50")
		require.Equal(t, "last", entity["data"].(map[string]any)["name"])
	}
}

// A line about an erased entity is refused if it is older than the erasure or has no time, and
// accepted if it is newer.
func TestImportRefusesErasedEntities(t *testing.T) {
	t.Parallel()
	b := setupFed(t)
	before := len(b.facts.Records(domain.TopicDirectory))
	member := func(more string) string {
		return `{"type":"directory.member.v1",` + more + `"data":{"id":99,"account_id":"` + client1 + `","name":"Erna"}}`
	}
	fed := b.feed("", member(""), member(`"updated_at":"2026-02-28T23:59:59Z",`))
	require.Equal(t, 2, fed.Refused, fed.Body)
	require.Contains(t, fed.Lines[1].Reason, "member 99 was erased on 2026-03-01")
	require.Len(t, b.facts.Records(domain.TopicDirectory), before)
	require.Equal(t, 1, b.feed("", member(`"updated_at":"2026-03-01T00:01:00Z",`)).Taken)

	// The main application cannot erase a page that was connected here until the page is disconnected
	// here.
	page := domain.DirectorySocialAccount{
		ID: 7001, ParentAccount: agency, AccountID: client1, MemberID: 1, ConnectionID: domain.GrantKey{Platform: domain.Facebook, App: "app", Person: "77"}.ConnectionID(agency),
		Platform: domain.Facebook, ExternalID: "1001", Connected: true,
	}
	b.facts.Put(t, page)
	erasure := `{"type":"directory.social_account.v1","id":"7001","erase":true}`
	before = len(b.facts.Records(domain.TopicDirectory))
	fed = b.feed("", erasure)
	require.Equal(t, 1, fed.Refused, fed.Body)
	require.Contains(t, fed.Lines[0].Reason, "social account 7001: facebook \"1001\" is connected in ledgerboard")
	require.Len(t, b.facts.Records(domain.TopicDirectory), before)
	page.Connected = false
	b.facts.Put(t, page)
	require.Equal(t, 1, b.feed("", erasure).Taken, "disconnected here")
}

// A published post creates a registration and its content. Erasing the page erases the content.
// Repetitions are folded once. A new connection has a reference to its tokens, so that they can be
// handed over.
func TestPostsAndConnectionsAreImported(t *testing.T) {
	t.Parallel()
	b := setupFed(t)
	post := `{"type":"metrics.post_registered.v1","data":{"parent_account":"` + agency + `","account_id":"` + client1 + `","member_id":7,` +
		`"social_account_id":70,"p_id":1,"external_id":"70_1","origin":"main_app","registered_at":"2026-02-01T08:00:00Z","content":"We bake at night."}}`
	require.Equal(t, 1, b.feed("", post).Taken)
	require.Equal(t, 1, b.feed("", post).Taken)
	postsAndTexts := func() []int {
		return ledgertest.Column[int](t, b.facts.DB.Pool, `select unnest(array[
			(select count(*) from tSPosts where external_id = '70_1'), (select count(*) from post_contents where external_id = '70_1')])`)
	}
	require.Equal(t, []int{1, 1}, postsAndTexts())
	refused := b.feed("", strings.Replace(post, `"main_app"`, `"listing"`, 1))
	require.Equal(t, commands.FeedRefused, refused.Lines[0].Outcome)
	require.Contains(t, refused.Lines[0].Reason, "main_app")
	refused = b.feed("", strings.Replace(post, `"70_1"`, `"7.01E+16"`, 1))
	require.Equal(t, commands.FeedRefused, refused.Lines[0].Outcome, "a spreadsheet made a number of the id")
	require.Equal(t, 1, b.feed("", `{"type":"directory.social_account.v1","id":"70","erase":true}`).Taken)
	require.Equal(t, []int{1, 0}, postsAndTexts(), "figures stay, texts go")

	b.facts.Put(t, domain.DirectoryUser{ID: bob, AccountID: client2, Name: "Bob", Active: true})
	fed := b.feed("",
		`{"type":"directory.user.v1","data":{"id":"`+bob+`","account_id":"`+client2+`","name":"Robert","active":true}}`,
		`{"type":"directory.connection.v1","data":{"id":5,"member_id":7,"p_id":1}}`,
	)
	require.Equal(t, 2, fed.Taken, fed.Body)
	_, user := b.entity("user/" + bob)
	require.Equal(t, "Robert", user["data"].(map[string]any)["name"])
	_, connection := b.entity("connection/5")
	require.Equal(t, "connection/5", connection["data"].(map[string]any)["secret_ref"])
}

// A body that is not JSON Lines, is too large, or does not match its headers is refused.
func TestImportRefusesInvalidBody(t *testing.T) {
	t.Parallel()
	b := setupFed(t)
	line := category(41, "Events", "2026-01-01T10:00:00Z")
	zipped := func(text string) string {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return out.String()
	}
	require.Equal(t, 1, b.feedBody("", zipped(line+"\n"), "Content-Encoding: gzip").Taken)
	for name, of := range map[string]struct {
		body   string
		header string
		status int
	}{
		"another type":               {line, "Content-Type: text/plain", http.StatusUnsupportedMediaType},
		"compressed otherwise":       {line, "Content-Encoding: br", http.StatusUnsupportedMediaType},
		"not compressed":             {line, "Content-Encoding: gzip", http.StatusBadRequest},
		"broken off":                 {zipped(line)[:20], "Content-Encoding: gzip", http.StatusBadRequest},
		"nothing":                    {"\n \n", "", http.StatusBadRequest},
		"not UTF-8":                  {"\xff", "", http.StatusBadRequest},
		"too many lines":             {strings.Repeat("{}\n", 10_001), "", http.StatusRequestEntityTooLarge},
		"too many empty lines":       {"{}" + strings.Repeat("\n", 15<<20), "", http.StatusRequestEntityTooLarge},
		"too many bytes":             {strings.Repeat(" ", 16<<20) + line, "", http.StatusRequestEntityTooLarge},
		"too many bytes, compressed": {zipped(strings.Repeat(" ", 16<<20) + line), "Content-Encoding: gzip", http.StatusRequestEntityTooLarge},
	} {
		headers := []string{}
		if of.header != "" {
			headers = append(headers, of.header)
		}
		fed := b.feedBody("", of.body, headers...)
		require.Equal(t, of.status, fed.Status, "%s: %s", name, fed.Body)
	}
}

// With a local directory, staff adds clients and people, who have access immediately; lines of a
// main application are refused.
func TestStaffEditLocalDirectory(t *testing.T) {
	t.Parallel()
	var paused error
	b := setupTenants(t, func(d *api.Deps) { d.Directory.Local.Gate = func() error { return paused } })
	post := func(path, body string, headers ...string) (ledgertest.Answer, map[string]any) {
		headers = append([]string{"Authorization: Bearer " + b.token(agency, "agency"), "Content-Type: application/json"}, headers...)
		a := b.ask(http.MethodPost, path, body, headers...)
		data, _ := a.Object(t)["data"].(map[string]any)
		return a, data
	}
	// While the directory's tables may lack earlier people, no one is added: the same person could be
	// added twice.
	paused = domain.NewError(domain.CodeUnavailable, "Read model directory is paused.")
	for _, path := range []string{"/api/accounts", "/api/users"} {
		a, _ := post(path, `{"name":"Mill","email":"office@mill.example.com"}`)
		a.Says(t, http.StatusServiceUnavailable, "Read model directory is paused.")
	}
	paused = nil

	a, client := post("/api/accounts", `{"name":" Corner Bakery ","email":"office@bakery.example.com"}`, "Idempotency-Key: k1")
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	require.Equal(t, "Corner Bakery", client["name"])
	_, again := post("/api/accounts", `{"name":"Corner Bakery","email":"office@bakery.example.com"}`, "Idempotency-Key: k1")
	require.Equal(t, client, again)
	require.Contains(t, b.get("/api/accounts", b.token(agency, "agency")).Body, client["id"])

	id, _ := client["id"].(string)
	invite := `{"name":"Jonas","email":"Jonas@bakery.example.com","account":"` + id + `"}`
	a, person := post("/api/users", invite, "Idempotency-Key: k2")
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	require.Equal(t, id, person["account_id"])
	_, same := post("/api/users", invite, "Idempotency-Key: k2")
	require.Equal(t, person, same)
	for path, key := range map[string]string{"/api/accounts": "k1", "/api/users": "k2"} {
		a, _ := post(path, `{"name":"Mill","email":"office@mill.example.com"}`, "Idempotency-Key: "+key)
		require.Equal(t, http.StatusUnprocessableEntity, a.Status, "another request had the key: %s", a.Body)
	}
	for body, status := range map[string]int{
		`{"name":"J","email":"jonas@BAKERY.example.com"}`:                      http.StatusConflict,
		`{"name":"J","email":"j@example.com","account":"` + otherClient + `"}`: http.StatusUnprocessableEntity,
		`{"name":"J","email":"j@example.com","acount":"` + id + `"}`:           http.StatusBadRequest,
	} {
		before := len(b.facts.Records(domain.TopicDirectory))
		a, _ := post("/api/users", body)
		require.Equal(t, status, a.Status, "%s: %s", body, a.Body)
		require.Len(t, b.facts.Records(domain.TopicDirectory), before)
	}

	for path, body := range map[string]string{
		"/api/accounts": `{"name":" ","email":"x","phone":"1\n2","address":"1\n2"}`,
		"/api/users":    `{"name":" ","email":"x","phone":"1\n2","account":"x"}`,
	} {
		a, _ := post(path, body)
		require.Len(t, a.Failure(t).Errors, 4, "all fields at once: %s", a.Body)
	}

	zoneOf := func(account, zone string, status int) {
		t.Helper()
		before := len(b.facts.Records(domain.TopicDirectory))
		a := b.ask(http.MethodPut, "/api/accounts/"+account+"/time-zone", `{"time_zone":"`+zone+`"}`,
			"Authorization: Bearer "+b.token(agency, "agency"), "Content-Type: application/json")
		require.Equal(t, status, a.Status, "%s: %s", zone, a.Body)
		if status != http.StatusOK {
			require.Len(t, b.facts.Records(domain.TopicDirectory), before)
		}
	}
	zoneOf(id, "Asia/Tokyo", http.StatusOK)
	require.Contains(t, b.get("/api/accounts?account="+id, b.token(agency, "agency")).Body, `"time_zone":"Asia/Tokyo"`)
	require.Contains(t, b.get("/api/me", b.token(agency, "agency")).Body, `"time_zone":null`)
	zoneOf(agency, "Europe/Berlin", http.StatusOK)
	require.Contains(t, b.get("/api/me", b.token(agency, "agency")).Body, `"time_zone":"Europe/Berlin"`)
	for _, wrong := range []string{"Local", "Mars/Base", "posixrules", "+02:00"} {
		zoneOf(id, wrong, http.StatusBadRequest)
	}
	zoneOf(otherClient, "Asia/Tokyo", http.StatusNotFound)
	zoneOf(id, "", http.StatusOK)

	brand := func(body string, status int, want ...string) {
		t.Helper()
		before := len(b.facts.Records(domain.TopicDirectory))
		a := b.ask(http.MethodPut, "/api/brand", body, "Authorization: Bearer "+b.token(agency, "agency"), "Content-Type: application/json")
		require.Equal(t, status, a.Status, "%s: %s", body, a.Body)
		for _, text := range want {
			require.Contains(t, a.Body, text)
		}
		if status != http.StatusOK {
			require.Len(t, b.facts.Records(domain.TopicDirectory), before)
		}
	}
	brand(`{"colour":"#17587f","logo":"`+logoURI+`"}`, http.StatusOK, `{"colour":"#17587f","logo":true}`)
	b.get("/api/logo", b.token(agency, "agency")).Says(t, http.StatusOK)
	brand(`{"colour":"red","logo":"https://example.org/logo.png"}`, http.StatusBadRequest, `"field":"colour"`, `"field":"logo"`)
	brand(`{"colour":7}`, http.StatusBadRequest, `"field":"colour"`, `"detail":"must be a string"`)
	brand(`{"colour":""}`, http.StatusOK, `{"colour":null,"logo":true}`)
	brand(`{"logo":""}`, http.StatusOK, `{"colour":null,"logo":false}`)
	b.get("/api/logo", b.token(agency, "agency")).Says(t, http.StatusNotFound)

	fed := b.feed("",
		`{"type":"directory.account.v1","data":{"id":"`+client1+`","row_id":11,"parent_account":"`+agency+`","name":"x","active":true}}`,
		`{"type":"directory.user.v1","id":"`+alice+`","erase":true}`,
		category(41, "Events", "2026-01-01T10:00:00Z"),
	)
	require.Equal(t, []int{1, 2}, []int{fed.Taken, fed.Refused}, fed.Body)
	require.Contains(t, fed.Lines[0].Reason, "LEDGERBOARD_DIRECTORY=local")

	told := setup(t, func(d *api.Deps) { d.Directory = directoryDeps(b.facts, false) })
	before := len(b.facts.Records(domain.TopicDirectory))
	for _, path := range []string{"/api/accounts", "/api/users"} {
		told.ask(http.MethodPost, path, `{"name":"Mill","email":"office@mill.example.com"}`, "Authorization: Bearer "+told.agencyToken()).Says(t, http.StatusConflict) // a main application tells both
	}
	require.Len(t, b.facts.Records(domain.TopicDirectory), before)
}
