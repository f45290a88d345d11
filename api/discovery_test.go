package api_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

// client3 has no dashboard.
const client3 = "c10000000000000000000003"

// discovered returns a log of [tenants] with more entities, and figures of a post.
func discovered(t testing.TB) *ledgertest.Log {
	t.Helper()
	log := tenants(t)
	log.Put(t,
		domain.DirectoryAccount{ID: client3, RowID: 13, ParentAccount: agency, Name: "Client 3", Email: "three@example.org", Active: false},
		domain.DirectoryCategory{ID: 5, Name: "Travel"}, domain.DirectoryCategory{ID: 6, Name: "Food"},
		domain.DirectoryUser{
			ID: alice, AccountID: client1, Name: "Alice", Email: "alice@example.org", Image: "https://img.example/alice.png", Active: true,
			UpdatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		},
	)
	owner := domain.Tenant{ParentAccount: agency, AccountID: client1, MemberID: 7, SocialAccount: 70}
	for day := 3; day <= 5; day++ {
		at := time.Date(2026, 1, day, 3, 0, 0, 0, time.UTC)
		require.NoError(t, log.Append(t.Context(), commands.NewDraft(domain.TopicMetrics, owner.Key(), domain.PostRead{
			Tenant: owner, Platform: domain.Facebook, ExternalID: "p", CapturedAt: at,
			Counts: domain.Counts{Likes: new(int64(day * 10))}, GrowthWindow: "168h0m0s",
		}, at)))
	}
	return log
}

// sharedDiscovery has the tables of tests that change nothing in them.
var sharedDiscovery = sync.OnceValue(func() *ledgertest.Log { return discovered(pgtest.Shared()) })

// entries reads all pages of a list, one entry at a time, and returns one member of each entry.
func (b *bundle) entries(path, token, by string) (named []any) {
	b.t.Helper()
	separator := "?"
	if slices.Contains([]byte(path), '?') {
		separator = "&"
	}
	next := ""
	for range 50 {
		address := path + separator + "limit=1"
		if next != "" {
			address += "&cursor=" + next
		}
		answer := b.get(address, token).Says(b.t, http.StatusOK)
		body := answer.Object(b.t)
		for _, entry := range body["data"].([]any) {
			named = append(named, entry.(map[string]any)[by])
		}
		meta, _ := body["meta"].(map[string]any)
		if next, _ = meta["next_cursor"].(string); next == "" {
			return named
		}
	}
	require.Fail(b.t, "the list does not end")
	return nil
}

// Nobody needs an id from elsewhere: everything that a path or a parameter takes stands in a list.
func TestEveryIDInPathsIsListed(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedDiscovery())
	staff, client := b.agencyToken(), b.token(client1, "client")
	for _, test := range []struct {
		path, by    string
		staff, seen []any // by agency staff, by a client user of client 1
	}{
		{"/api/accounts", "name", []any{"Client 1", "Client 2", "Client 3", "Our agency"}, []any{"Client 1"}},
		{"/api/accounts?q=THREE@", "id", []any{client3}, nil},
		{"/api/accounts?active=false", "id", []any{client3}, nil},
		{"/api/accounts?account=12", "id", []any{client2}, []any{http.StatusNotFound}},
		{"/api/dashboards", "sub_account_name", []any{"Client 1", "Client 2", "Client 3"}, []any{"Client 1"}},
		{"/api/dashboards", "exists", []any{true, true, false}, []any{true}},
		{"/api/dashboards?exists=false", "sub_account_id", []any{client3}, nil},
		{"/api/dashboards?q=three", "id", []any{nil}, nil},
		{"/api/dashboards?q=ent%202", "listed_users", []any{1.0}, nil},
		{"/api/dashboards?q=ent%202", "can_open", []any{1.0}, nil},
		{"/api/members", "name", []any{"Alice", "Bob"}, []any{"Alice"}},
		{"/api/members?q=alice@example", "image", []any{"https://img.example/alice.png"}, []any{"https://img.example/alice.png"}},
		{"/api/members?userId=" + bob, "id", []any{9.0}, nil},
		{"/api/members?userId=" + bob, "image", []any{nil}, nil},
		{"/api/accounts?q=ent%202", "phone", []any{nil}, nil},
		{"/api/members?active=false", "id", nil, nil},
		{"/api/members", "social_accounts", []any{1.0, 1.0}, []any{1.0}},
		{"/api/categories", "name", []any{"Food", "Travel"}, []any{"Food", "Travel"}},
		{"/api/categories?q=trav", "id", []any{5.0}, []any{5.0}},
		{"/api/users/" + alice + "/platforms", "id", []any{70.0}, []any{70.0}},
		{"/api/users/" + bob + "/platforms", "id", []any{90.0}, []any{http.StatusNotFound}},
		{"/api/platforms", "user_id", []any{alice, bob}, []any{alice}},
		{"/api/platforms/70/activities", "id", []any{"70:p"}, []any{"70:p"}},
		{"/api/platforms/90/activities", "id", []any{"90:p"}, []any{http.StatusNotFound}},
		{"/api/activities/70:p/stats", "likes", []any{50.0, 40.0, 30.0}, []any{50.0, 40.0, 30.0}},
		{"/api/activities/70:p/stats?startTime=2026-01-04&endTime=2026-01-04", "likes", []any{40.0}, []any{40.0}},
		{"/api/activities/90:p/stats", "likes", nil, []any{http.StatusNotFound}},
	} {
		require.Equal(t, test.staff, b.entries(test.path, staff, test.by), "%s: %s", test.path, test.by)
		if len(test.seen) == 1 && test.seen[0] == http.StatusNotFound {
			require.Equal(t, http.StatusNotFound, b.get(test.path, client).Status, test.path)
			continue
		}
		require.Equal(t, test.seen, b.entries(test.path, client, test.by), "%s of a client: %s", test.path, test.by)
	}
	require.Len(t, b.entries("/api/dashboards", b.token(agency, "auditor"), "id"), 3)
	closed := b.token(client2, "client") // Alice is on no list there
	require.Empty(t, b.entries("/api/dashboards", closed, "id"))
}

// Linked dashboards name their accounts; the other linked one can be opened as well.
func TestLinkedDashboardsNameTheirAccounts(t *testing.T) {
	t.Parallel()
	b := setupOn(t, discovered(t))
	yes := true
	b.update(domain.UpdateDashboard{Primary: client1, SubAccountIDs: &[]string{client2}, AllowClientDashboard: &yes})
	require.Equal(t, []any{"Client 1", "Client 2"}, b.entries("/api/dashboards", b.token(client1, "client"), "sub_account_name"))
	one := b.get("/api/dashboards?q=Client%201", b.agencyToken())
	require.Contains(t, one.Body, `"linked":[{"id":"`+client1+`","name":"Client 1"},{"id":"`+client2+`","name":"Client 2"}]`)
}

func (b *bundle) me(token string) map[string]any {
	b.t.Helper()
	answer := b.get("/api/me", token).Says(b.t, http.StatusOK)
	return answer.Object(b.t)["data"].(map[string]any)
}

// Everybody learns who they are, and what is open to them.
func TestMeReturnsProfileAndOpenDashboards(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedDiscovery())
	client := b.me(b.token(client1, "client"))
	require.Equal(t, map[string]any{
		"name": "Alice", "email": "alice@example.org", "image": "https://img.example/alice.png", "is_owner": false, "active": true,
	}, client["user"])
	require.Equal(t, []any{"client"}, client["roles"])
	require.Equal(t, map[string]any{"id": client1, "name": "Client 1"}, client["account"])
	require.Equal(t, map[string]any{"id": agency, "name": "Our agency", "colour": "#17587f", "logo": true}, client["agency"])
	require.Contains(t, client["scopes"], "analytics")
	require.Equal(t, b.now.Add(time.Hour+10*time.Second).Format(time.RFC3339), client["expires_at"], "it is accepted until then")
	opens := client["opens"].(map[string]any)
	require.Equal(t, true, opens["figures"])
	require.Equal(t, false, opens["all_dashboards"])
	require.Equal(t, "Client 1", opens["dashboards"].([]any)[0].(map[string]any)["sub_account_name"])

	stranger := b.me(b.token(client2, "client")) // on no list, and no user of this account
	require.Nil(t, stranger["user"])
	require.Equal(t, false, stranger["opens"].(map[string]any)["figures"])
	b.get(insightsPath, b.token(client2, "client")).Says(t, http.StatusForbidden)
	require.Empty(t, stranger["scopes"])

	auditor := b.me(b.token(agency, []string{"auditor"}))
	require.Equal(t, map[string]any{
		"all_dashboards": true, "dashboards": []any{}, "changes_dashboards": false, "figures": false, "audit": true, "operators": false,
	}, auditor["opens"])
	both := b.me(b.token(agency, []string{"auditor", "agency"}))
	require.Equal(t, true, both["opens"].(map[string]any)["changes_dashboards"])

	operator := b.me(b.tokenOf("operator"))
	require.Nil(t, operator["agency"])
	require.Equal(t, true, operator["opens"].(map[string]any)["operators"])

	// A client user with other roles sees what it may open. No one is a client of an agency.
	for _, roles := range [][]string{{"auditor", "client"}, {"auditor", "client", "agency"}} {
		require.Equal(t, http.StatusForbidden, b.get("/api/me", b.token(agency, roles)).Status, roles)
	}
	for _, test := range []struct {
		account    string
		roles      []string
		figures    bool
		dashboards []any
	}{
		{agency, []string{"auditor"}, false, []any{}},
		{client1, []string{"client", "operator"}, true, []any{client1}},
	} {
		token := b.token(test.account, test.roles)
		me := b.me(token)
		opens, dashboards := me["opens"].(map[string]any), []any{}
		for _, d := range opens["dashboards"].([]any) {
			dashboards = append(dashboards, d.(map[string]any)["sub_account_id"])
		}
		require.Equal(t, test.dashboards, dashboards, test.roles)
		require.Equal(t, len(dashboards) > 0, slices.Contains(me["scopes"].([]any), any("analytics")), test.roles)
		require.Equal(t, test.figures, opens["figures"], test.roles)
		require.Equal(t, test.figures, b.get(insightsPath, token).Status == http.StatusOK, "%s: as the analytics have it", test.roles)
	}
}

// metaOf is the meta of an answer.
func metaOf(t *testing.T, a ledgertest.Answer) map[string]any {
	t.Helper()
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	return a.Object(t)["meta"].(map[string]any)
}

// sourcesIn are the social accounts that an answer rests on.
func sourcesIn(t *testing.T, a ledgertest.Answer) (accounts []any) {
	t.Helper()
	for _, source := range metaOf(t, a)["sources"].([]any) {
		accounts = append(accounts, source.(map[string]any)["social_account_id"])
	}
	return accounts
}

// Several accounts are one question; if one of them is unknown, there is no answer.
func TestUnknownAccountRefusesWholeRequest(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedDiscovery())
	ask := func(accounts, token string) ledgertest.Answer { return b.get(insightsPath+"?account="+accounts, token) }
	staff := b.agencyToken()
	require.Equal(t, []any{70.0, 90.0}, sourcesIn(t, ask("11,"+client2, staff)))
	require.Equal(t, []any{70.0}, sourcesIn(t, ask("11,"+client1+",11", staff)))
	for _, missing := range []string{"11,99", client1 + "," + otherClient, "21,11"} {
		require.Equal(t, http.StatusNotFound, ask(missing, staff).Status, missing)
	}
	require.Equal(t, http.StatusNotFound, ask("11,12", b.token(client1, "client")).Status, "one that the client may not see")
	require.Equal(t, []any{70.0}, sourcesIn(t, ask("11", b.token(client1, "client"))))
	for _, wrong := range []string{"11,", ",11", "11,x", "11;12", strings.Repeat("11,", 100) + "12"} {
		require.Equal(t, http.StatusBadRequest, ask(wrong, staff).Status, "%.20s", wrong)
	}
	require.Equal(t, http.StatusOK, ask(strings.Repeat("11,", 99)+"12", staff).Status, "a hundred")
	list := b.get("/api/platforms?account=11,12", staff)
	require.Equal(t, 2, strings.Count(list.Body, `"profile_id"`), list.Body)
}

// The figures of a dashboard are those of all accounts linked in it. The agency sees them also
// while it is closed.
func TestDashboardFiguresCoverLinkedAccounts(t *testing.T) {
	t.Parallel()
	b := setupOn(t, discovered(t))
	ask := func(dashboard, token string) ledgertest.Answer {
		return b.get(insightsPath+"?dashboard="+dashboard, token)
	}
	staff, client := b.agencyToken(), b.token(client1, "client")
	require.Equal(t, []any{70.0}, sourcesIn(t, ask(client1, staff)))
	require.Equal(t, []any{70.0}, sourcesIn(t, ask(strings.ToUpper(client1), client)))
	require.Equal(t, http.StatusNotFound, ask(client2, client).Status, "not the client's")
	require.Equal(t, http.StatusNotFound, ask(otherClient, staff).Status)
	require.NotContains(t, metaOf(t, b.get(insightsPath, staff)), "clients_see", "no dashboard was named")

	require.Equal(t, http.StatusNotFound, ask(client3, staff).Status, "it does not exist yet")
	require.Equal(t, []any{client3}, b.entries("/api/dashboards?exists=false", staff, "sub_account_id"), "and none was made")

	yes, no := true, false
	b.update(domain.UpdateDashboard{Primary: client1, SubAccountIDs: &[]string{client2}})
	require.Equal(t, []any{70.0, 90.0}, sourcesIn(t, ask(client2, staff)))
	require.Equal(t, []any{70.0, 90.0}, sourcesIn(t, ask(client2, client)), "linked with its own, and open")
	require.Equal(t, true, metaOf(t, ask(client2, staff))["clients_see"])
	require.Equal(t, []any{90.0}, sourcesIn(t, b.get(insightsPath+"?account=12&dashboard="+client1, staff)), "one account of it")

	b.update(domain.UpdateDashboard{Primary: client1, Scopes: &[]string{"posts"}})
	closed := metaOf(t, ask(client1, staff))
	require.Equal(t, false, closed["clients_see"])
	require.Contains(t, closed["clients_see_not"], "does not have the scope analytics")
	require.Equal(t, http.StatusNotFound, ask(client1, client).Status)
	b.update(domain.UpdateDashboard{Primary: client1, Scopes: &[]string{"analytics"}, AllowClientDashboard: &no})
	require.Contains(t, metaOf(t, ask(client1, staff))["clients_see_not"], "not open")
	require.Equal(t, []any{70.0, 90.0}, sourcesIn(t, ask(client1, staff)))
	b.update(domain.UpdateDashboard{Primary: client1, Users: &[]string{}, AllowClientDashboard: &yes})
	require.Contains(t, metaOf(t, ask(client1, staff))["clients_see_not"], "no users on the list")
}

// keptPictures are pictures by their posts.
type keptPictures map[domain.PostRef]string

func (k keptPictures) Picture(_ context.Context, post domain.PostRef) ([]byte, error) {
	if picture, ok := k[post]; ok {
		return []byte(picture), nil
	}
	return nil, domain.NewError(domain.CodeNotFound, "none")
}

// A picture is shown only to people who can see its post, and not after its texts are erased.
func TestPictureRequiresAccessToItsPost(t *testing.T) {
	t.Parallel()
	pictures := keptPictures{}
	b := setupTenants(t, func(d *api.Deps) { d.Picture = pictures.Picture })
	said := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	contents := map[int64]domain.PostContent{}
	for social, of := range map[int64][2]string{70: {agency, client1}, 90: {agency, client2}, 80: {otherAgency, otherClient}} {
		content := domain.PostContent{
			PostRef: domain.PostRef{ParentAccount: of[0], SocialAccount: social, ExternalID: "p"}, AccountID: of[1], Origin: domain.OriginListing,
			PostTexts: domain.PostTexts{MediaURL: "https://media.example/p.jpg"},
		}
		require.NoError(t, b.facts.Append(t.Context(), commands.ContentDraft(content, said)))
		contents[social], pictures[content.PostRef] = content, "\xff\xd8 picture of "+of[1]
	}
	const path = "/api/activities/70:p/picture"
	for path, want := range map[string]map[string]int{
		path:                           {"agency": http.StatusOK, "client": http.StatusOK, "auditor": http.StatusForbidden, "operator": http.StatusForbidden, "": http.StatusUnauthorized},
		"/api/activities/90:p/picture": {"agency": http.StatusOK, "client": http.StatusNotFound},
		"/api/activities/80:p/picture": {"agency": http.StatusNotFound, "client": http.StatusNotFound},
		"/api/activities/70:q/picture": {"agency": http.StatusNotFound, "client": http.StatusNotFound},
	} {
		for role, status := range want {
			answer := b.get(path, b.tokenOf(role)).Says(t, status)
			require.NotContains(t, answer.Body, "picture of "+otherClient)
		}
	}

	answer := b.get(path, b.agencyToken())
	require.Equal(t, "\xff\xd8 picture of "+client1, answer.Body)
	require.Equal(t, "image/jpeg", answer.Header.Get("Content-Type"))
	require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
	require.Equal(t, "private, no-cache", answer.Header.Get("Cache-Control"))
	again := b.ask(http.MethodGet, path, "", "Authorization: Bearer "+b.agencyToken(), "If-None-Match: "+answer.Header.Get("ETag")).Says(t, http.StatusNotModified)
	require.Empty(t, again.Body)

	require.NoError(t, b.facts.Append(t.Context(), commands.EraseContentDraft(contents[70].Key(), said.Add(time.Hour))))
	require.Equal(t, http.StatusNotFound, b.get(path, b.agencyToken()).Status, "its texts are erased: it is not shown, though it is still kept")
}

// Clients see the logo of their own agency, as it was sent; another agency has none.
func TestClientsGetOnlyOwnAgencyLogo(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedTenants())
	_, encoded, err := domain.SplitLogo(logoURI)
	require.NoError(t, err)
	for _, role := range []string{"agency", "client"} {
		answer := b.get("/api/logo", b.tokenOf(role)).Says(t, http.StatusOK)
		require.Equal(t, encoded, base64.StdEncoding.EncodeToString([]byte(answer.Body)))
		require.Equal(t, "image/png", answer.Header.Get("Content-Type"))
		require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
	}
	other := b.token(otherAgency, "agency")
	b.get("/api/logo", other).Says(t, http.StatusNotFound)
}

// Every parameter that searches names finds them in any case, script and normal form, whatever the
// locale of the database.
func TestEverySearchIgnoresCaseInEveryScript(t *testing.T) {
	t.Parallel()
	const name = "Ärzte Straße ΟΔΥΣΣΕΥΣ Кафе İstanbul Ilıca Cafe\u0301 100%_ marker"
	forms := []string{
		"Ärzte", "ärzte", "ÄRZTE", "A\u0308rzte", "a\u0308RZTE", "straße", "STRASSE", "Straße ΟΔ", "οδυσσευς", "ΟΔΥΣΣ", "οδυσσ", "οδ",
		"кафе", "КАФЕ", "istanbul", "ISTANBUL", "İSTANBUL", "I\u0307stanbul", "ılıca", "ILICA", "ilica", "Café", "CAFÉ", "cafe\u0301", "CAFE\u0301 100%_", "MARKER",
	}
	others := []string{"arzte", "cafe 100", "каве", "100_", "100%%", "mar%er", "zzz"}
	b := setupOn(t, discovered(t))
	b.facts.Put(t,
		domain.DirectoryAccount{ID: client1, RowID: 11, ParentAccount: agency, Name: name, Email: "marker@example.org", Active: true},
		domain.DirectoryUser{ID: alice, AccountID: client1, Name: name, Role: "Ärzte", Active: true},
		domain.DirectoryMember{ID: 7, AccountID: client1, UserID: alice, Name: name, Active: true},
		domain.DirectoryCategory{ID: 5, Name: name},
	)
	tried := map[string]int{}
	for _, op := range reads(t) {
		for _, declared := range op.Parameters {
			text := declared.Words == nil && (declared.Type == reflect.TypeFor[string]() || declared.Type == reflect.TypeFor[api.Person]())
			if op.Method != http.MethodGet || declared.In == api.InHeader || !text || slices.Contains([]string{"type", "checkpoint"}, declared.Name) || strings.Contains(op.Pattern, "{"+declared.Name+"}") {
				continue // one of our words, or an id
			}
			tried[declared.Name]++
			find, not := forms, others
			if declared.Name == "role" { // the whole text
				find, not = []string{"Ärzte", "ärzte", "A\u0308RZTE"}, []string{"Ärzt", "arzte"}
			}
			if tried[declared.Name] > 1 { // a form of each kind shows that the same comparison is used
				find, not = []string{"a\u0308RZTE", "STRASSE", "οδυσσ", "ISTANBUL", "CAFE\u0301 100%_"}, []string{"arzte", "100%%"}
			}
			for _, form := range find {
				answer := b.get(addressOf(op, declared.Name, form), b.tokenOf(roleFor(op))).Says(t, http.StatusOK)
				require.Contains(t, answer.Body, "İstanbul", "%s?%s=%s finds nothing", op.Pattern, declared.Name, form)
			}
			for _, form := range not {
				answer := b.get(addressOf(op, declared.Name, form), b.tokenOf(roleFor(op)))
				require.NotContains(t, answer.Body, "İstanbul", "%s?%s=%s", op.Pattern, declared.Name, form)
			}
		}
	}
	require.Equal(t, map[string]int{"q": 8, "actor": 4, "user": 3, "role": 1}, tried, "parameters with texts that this test does not know")
}

// Lists of names are in the order of the alphabet, page by page, whatever the locale of the database.
func TestListsAreInAlphabeticalOrder(t *testing.T) {
	t.Parallel()
	b := setupOn(t, discovered(t))
	want := []any{"apple pie", "A\u0308rzte", "Ärzte", "cafe", "Cafe", "café", "Zebra", "zebra crossing", "Zoo", "ζήτα", "кафе", "東京"}
	for i, name := range slices.Backward(want) {
		b.facts.Put(t, domain.DirectoryCategory{ID: int64(50 + i), Name: name.(string)})
	}
	got := slices.DeleteFunc(b.entries("/api/categories", b.agencyToken(), "name"), func(name any) bool { return name == "Travel" || name == "Food" })
	require.ElementsMatch(t, want, got)
	require.Equal(t, want, got)
}
