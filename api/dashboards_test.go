package api_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const dashboardPath = "/api/projects/dashboard/"

// The tag of a dashboard is its version, for every caller: its answers are not compressed.
func TestGetDashboardReturnsArrayWithVersionETag(t *testing.T) {
	t.Parallel()
	b := setup(t)
	large := view(client1, 42)
	large.Users = slices.Repeat([]readmodels.DashboardUser{{ID: alice, Name: "Alice"}}, 100)
	b.views[agency+"/"+client1] = large
	answer := b.get(dashboardPath+strings.ToUpper(client1), b.agencyToken(), "Accept-Encoding: gzip, zstd").Says(t, http.StatusOK)
	require.Equal(t, `"42"`, answer.Header.Get("ETag"))
	require.Empty(t, answer.Header.Get("Content-Encoding"))
	require.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	body := answer.Object(t)
	require.Equal(t, []any{true, "SUCCESS"}, []any{body["success"], body["message"]})
	data := body["data"].([]any)
	require.Len(t, data, 1)
	require.Equal(t, client1, data[0].(map[string]any)["sub_account_id"])
	require.Empty(t, b.opened)
}

// An agency's GET of a missing dashboard creates it, which is a change, and waits for the directory. A GET of an
// existing one is a read, and who creates nothing gets what there is.
func TestOnlyAgencyGetCreatesDashboard(t *testing.T) {
	t.Parallel()
	stale := &domain.Error{Code: domain.CodeUnavailable, Message: "it is not known who has left", RetryAfter: 2}
	known := error(stale)
	b := setup(t, func(d *api.Deps) { d.PeopleKnown = func() error { return known } })
	b.views[agency+"/"+client2] = view(client2, 3)
	b.get(dashboardPath+client2, b.agencyToken()).Says(t, http.StatusOK)
	b.get(dashboardPath+client1, b.agencyToken()).Says(t, http.StatusServiceUnavailable, stale.Message)
	b.get(dashboardPath+client1, b.token(agency, "auditor")).Says(t, http.StatusNotFound)
	b.get(dashboardPath+client1, b.token(client1, "client")).Says(t, http.StatusNotFound)
	b.get(dashboardPath+client1, b.token(noAccount, "client")).Says(t, http.StatusNotFound) // an account without an agency
	require.Empty(t, b.opened)
	known = nil
	answer := b.get(dashboardPath+client1, b.agencyToken(), "X-Request-Id: r-1",
		"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	require.Equal(t, http.StatusOK, answer.Status)
	require.Equal(t, []commands.OpenDashboard{{
		Caller: commands.Caller{
			ParentAccount: agency, UserID: alice, Role: "agency", RequestID: answer.Header.Get("X-Request-Id"),
			TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		},
		SubAccount: client1,
	}}, b.opened)
}

func TestMalformedPathIDIsNamedInError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, id := range []string{"17", "zzzzzzzzzzzzzzzzzzzzzzzz", client1 + "0", "%20", "%00", "..%2f.."} {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			requireNamed(t, b.ask(method, dashboardPath+id, "{}", "Authorization: Bearer "+b.agencyToken()), "sub_account_id")
		}
	}
	require.Empty(t, b.opened)
	require.Empty(t, b.updates)
}

func TestPutPassesAllMembersToCommand(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.result = commands.Result{Dashboard: domain.Dashboard{DocumentID: "d", ID: "d", SubAccountID: client1, Version: 43}}
	body := `{"allow_client_dashboard":true,"sub_account_ids":["` + strings.ToUpper(client2) + `"],"users":["` + alice + `"],
		"scopes":["analytics"],"unlink":true,"user_role":"old frontends send this","nested":{"x":[1]}}`
	answer := b.put(client1, body, "Idempotency-Key: key 1", `If-Match: "42", W/"7", "abc"`, "X-Request-Id: r-2", "Traceparent: bad").Says(t, http.StatusOK)
	require.Equal(t, `"43"`, answer.Header.Get("ETag"))
	require.Empty(t, answer.Header.Get("Idempotency-Replayed"))
	require.JSONEq(t, `{"success":true,"message":"SUCCESS","data":{"_id":"d","id":"d","sub_account_id":"`+client1+`","parent_account":"",
		"sub_account_ids":null,"users":null,"main_poc":null,"allow_client_dashboard":false,"scopes":null,
		"created_at":"0001-01-01T00:00:00Z","updated_at":"0001-01-01T00:00:00Z"}}`, answer.Body)
	yes, accounts, users, scopes := true, []string{client2}, []string{alice}, []string{"analytics"}
	require.Len(t, b.updates, 1)
	digest := b.updates[0].RequestDigest
	require.Len(t, digest, 64)
	require.Equal(t, commands.UpdateDashboard{
		Caller: commands.Caller{ParentAccount: agency, UserID: alice, Role: "agency", RequestID: answer.Header.Get("X-Request-Id")},
		Change: domain.UpdateDashboard{
			Primary: client1, AllowClientDashboard: &yes, SubAccountIDs: &accounts, Users: &users, Scopes: &scopes, Unlink: true,
			IfMatch: &domain.VersionMatch{Versions: []int64{42, 7}},
		},
		IdempotencyKey: "key 1", RequestDigest: digest,
	}, b.updates[0])
}

// As in the old system, null means absent. An empty list is a change.
func TestPutDistinguishesAbsentFromEmpty(t *testing.T) {
	t.Parallel()
	b := setup(t)
	empty, no := []string{}, false
	for i, c := range []struct {
		body   string
		change domain.UpdateDashboard
	}{
		{`{}`, domain.UpdateDashboard{}},
		{`{"users":null,"sub_account_ids":null,"scopes":null,"allow_client_dashboard":null,"unlink":null}`, domain.UpdateDashboard{}},
		{`{"users":["` + alice + `"],"scopes":null,"unlink":true}`, domain.UpdateDashboard{Users: &[]string{alice}, Unlink: true}},
		{
			`{"users":[],"sub_account_ids":[],"scopes":[],"allow_client_dashboard":false,"unlink":false}`,
			domain.UpdateDashboard{Users: &empty, SubAccountIDs: &empty, Scopes: &empty, AllowClientDashboard: &no},
		},
	} {
		c.change.Primary = client1
		require.Equal(t, http.StatusOK, b.put(client1, c.body).Status, c.body)
		require.Equal(t, c.change, b.updates[i].Change, c.body)
		require.Empty(t, b.updates[i].IdempotencyKey)
	}
	require.Equal(t, b.updates[0].RequestDigest, b.updates[1].RequestDigest, "both mean the same")
}

func TestPutNamesEveryMalformedField(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answer := b.put(client1, `{"users":["`+alice+`","bob",7,null],"sub_account_ids":7,"scopes":"analytics",
		"allow_client_dashboard":"yes","unlink":"no"}`)
	require.Equal(t, http.StatusBadRequest, answer.Status)
	f := answer.Failure(t)
	require.Equal(t, []string{"allow_client_dashboard", "scopes", "sub_account_ids", "unlink", "users[2]", "users[3]", "users[1]"}, f.Fields())
	for _, e := range f.Errors {
		require.NotEmpty(t, e.Detail)
	}
	for body, want := range map[string][]string{
		`{"users":["x"],"scopes":["A B"]}`:                {"users[0]", "scopes[0]"},
		`{"scopes":["A B"]}`:                              {"scopes[0]"},
		`{"scopes":[7,"posts","9"],"users":["x",null]}`:   {"scopes[0]", "users[1]", "users[0]", "scopes[2]"},
		`{"sub_account_ids":["y"],"scopes":["posts",""]}`: {"sub_account_ids[0]", "scopes[1]"},
		// another spelling, which would be ignored: the board would stay open
		`{"allowClientDashboard":false}`:    {"allowClientDashboard"},
		`{"Users":[],"sub-account-ids":[]}`: {"Users", "sub-account-ids"},
	} {
		answer := b.put(client1, body)
		require.Equal(t, http.StatusBadRequest, answer.Status, body)
		require.Equal(t, want, answer.Failure(t).Fields(), body)
	}
	require.Contains(t, b.put(client1, `{"allowClientDashboard":false}`).Failure(t).Message, "did you mean allow_client_dashboard?")
	require.Empty(t, b.updates)
	require.Equal(t, http.StatusOK, b.put(client1, `{"allowClientDashboard":false,"allow_client_dashboard":false,"createdAt":1}`).Status,
		"nothing that was meant is ignored")
}

func TestPutReportsReplaysAndUnknownOutcomes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.result.Replayed = true
	require.Equal(t, "true", b.put(client1, `{}`).Header.Get("Idempotency-Replayed"))
	b.updateErr = &domain.Error{Code: domain.CodeUnavailable, Message: "The outcome is open.", CommandID: "c-9", RetryAfter: 3}
	answer := b.put(client1, `{}`).Says(t, http.StatusServiceUnavailable)
	require.Equal(t, "3", answer.Header.Get("Retry-After"))
	require.Equal(t, "c-9", answer.Header.Get("Command-Id"))
	require.Equal(t, "c-9", answer.Failure(t).CommandID)
	require.Empty(t, answer.Header.Get("ETag"))
	b.updateErr = domain.ErrMainAccount
	answer = b.put(agency, `{}`).Says(t, http.StatusForbidden)
	require.Equal(t, "You cannot update dashboard settings of main account", answer.Failure(t).Message)
}

func TestIdempotencyKeyFormats(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for key, ok := range map[string]bool{
		"k": true, "! ~": true, strings.Repeat("k", 255): true,
		"": false, strings.Repeat("k", 256): false, "tab\tkey": false, "ключ": false, "del\x7f": false,
	} {
		answer := b.put(client1, `{}`, "Idempotency-Key: "+key)
		require.Equal(t, ok, answer.Status == http.StatusOK, "%q", key)
		if !ok {
			requireNamed(t, answer, "Idempotency-Key")
		}
	}
	require.Equal(t, http.StatusBadRequest, b.put(client1, `{}`, "Idempotency-Key: a", "Idempotency-Key: b").Status)
	require.Equal(t, http.StatusOK, b.put(client1, `{}`, "Idempotency-Key: a", "Idempotency-Key: a").Status, "a line that a proxy repeats")
}

func TestIfMatchHeaderFormats(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]*domain.VersionMatch{
		`*`:                     {Any: true},
		`"7"`:                   {Versions: []int64{7}},
		`"7", "8"`:              {Versions: []int64{7, 8}},
		` "7" ,"8" `:            {Versions: []int64{7, 8}},
		`W/"7"`:                 {Versions: []int64{7}}, // as nginx sends it after compressing
		`W/"7", w/"8"`:          {Versions: []int64{7, 8}},
		`"7-gzip", W/"8--br"`:   {Versions: []int64{7, 8}}, // Apache, Caddy, Jetty
		`"7-x", "-gzip", "*"`:   {},
		` * `:                   {Any: true},
		`"abc", "07", "+7", ""`: {},
		``:                      nil,
		`7`:                     nil,
		`"7`:                    nil,
		`"7" "8"`:               nil,
		`"7",`:                  {Versions: []int64{7}}, // empty elements of a list count for nothing
		`, "7",, "8" ,`:         {Versions: []int64{7, 8}},
		`,`:                     nil,
		`"7" , x`:               nil,
		`*, "7"`:                nil,
		`W/7`:                   nil,
		`W/ "7"`:                nil,
	} {
		match, err := api.IfMatch(http.Header{"If-Match": {text}})
		require.Equal(t, want == nil, err != nil, text)
		require.Equal(t, want, match, text)
	}
	match, err := api.IfMatch(http.Header{"If-Match": {`W/"7"`, `"8" ,`, ""}}) // lines that no proxy merged
	require.NoError(t, err)
	require.Equal(t, &domain.VersionMatch{Versions: []int64{7, 8}}, match)
	match, err = api.IfMatch(http.Header{})
	require.NoError(t, err)
	require.Nil(t, match)
	b := setup(t)
	require.Equal(t, http.StatusBadRequest, b.put(client1, `{}`, "If-Match: 7").Status)
	b.put(client1, `{}`, "If-None-Match: *").Says(t, http.StatusBadRequest, "If-None-Match is not checked here")
}

func FuzzIfMatch(f *testing.F) {
	f.Add(`"7", W/"8", "x"`)
	f.Add(`*`)
	f.Fuzz(func(t *testing.T, text string) {
		match, err := api.IfMatch(http.Header{"If-Match": {text}})
		require.Equal(t, err == nil, match != nil)
	})
}

func TestRequestDigestIgnoresOrderAndCase(t *testing.T) {
	t.Parallel()
	digest := func(path, body string) string {
		members, err := api.ParseObject([]byte(body))
		require.NoError(t, err)
		command, err := api.ParseUpdate(path, members)
		require.NoError(t, err)
		return api.UpdateDigest(command)
	}
	base := digest(client1, `{"users":["`+alice+`","`+client1+`"],"unlink":false}`)
	for name, body := range map[string]string{
		"order of members, white space": `{ "unlink":false, "users" : ["` + alice + `","` + client1 + `"] }`,
		"order and repeats in a set":    `{"users":["` + client1 + `","` + alice + `","` + alice + `"]}`,
		"case of ids":                   `{"users":["` + strings.ToUpper(alice) + `","` + client1 + `"]}`,
		"unknown members":               `{"users":["` + alice + `","` + client1 + `"],"user_role":1}`,
	} {
		require.Equal(t, base, digest(client1, body), name)
	}
	different := map[string]string{base: "base"}
	for name, other := range map[string]string{
		"path":   digest(client2, `{"users":["`+alice+`","`+client1+`"]}`),
		"user":   digest(client1, `{"users":["`+alice+`"]}`),
		"empty":  digest(client1, `{"users":[]}`),
		"absent": digest(client1, `{}`),
		"unlink": digest(client1, `{"unlink":true}`),
		"scopes": digest(client1, `{"scopes":["`+alice+`"]}`),
		"ids":    digest(client1, `{"sub_account_ids":["`+alice+`"]}`),
		"no":     digest(client1, `{"allow_client_dashboard":false}`),
		"yes":    digest(client1, `{"allow_client_dashboard":true}`),
	} {
		require.Empty(t, different[other], "%s has the digest of another", name)
		different[other] = name
	}
	// The digest travels in records and is compared for as long as keys are remembered: it may not
	// change.
	require.Equal(t, "4e09", digest(client1, `{"users":["`+alice+`"],"unlink":true}`)[:4])
}

const previewPath = dashboardPath + client1 + "/preview"

func (b *bundle) preview(body string, headers ...string) ledgertest.Answer {
	b.t.Helper()
	return b.ask(http.MethodPost, previewPath, body, append(headers, "Authorization: Bearer "+b.agencyToken())...)
}

// A preview takes the input of the PUT, except for the idempotency key.
func TestPreviewAcceptsSameInputAsPut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := `{"sub_account_ids":["` + strings.ToUpper(client2) + `"],"unlink":true,"nested":{"x":[1]}}`
	require.Equal(t, http.StatusOK, b.preview(body, `If-Match: "42"`).Status)
	require.Equal(t, http.StatusOK, b.put(client1, body, `If-Match: "42"`).Status)
	require.Equal(t, b.updates[0].Change, b.previews[0].Change)
	require.Len(t, b.updates, 1)
	require.Empty(t, b.previews[0].IdempotencyKey)

	for _, path := range []string{previewPath + "?dry_run=true", dashboardPath + "17/preview"} {
		require.Equal(t, http.StatusBadRequest, b.ask(http.MethodPost, path, "{}", "Authorization: Bearer "+b.agencyToken()).Status, path)
	}
	require.Equal(t, http.StatusBadRequest, b.preview(`{"users":["bob"]}`).Status)
	require.Equal(t, http.StatusBadRequest, b.preview(`{}`, "If-Match: 7").Status)
	b.updateErr = domain.NewError(domain.CodePreconditionFailed, "The dashboard has changed since you read it.")
	require.Equal(t, http.StatusPreconditionFailed, b.preview(`{}`).Status)
	require.Len(t, b.previews, 2)
}

// If-Preview is a value from a preview, and is not part of the request digest.
func TestIfPreviewIsValidatedAndNotInDigest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	decision := strings.Repeat("0a", 32)
	require.Equal(t, http.StatusOK, b.put(client1, `{}`).Status)
	require.Equal(t, http.StatusOK, b.put(client1, `{}`, "If-Preview: "+decision).Status)
	require.Empty(t, b.updates[0].Change.Decision)
	require.Equal(t, decision, b.updates[1].Change.Decision)
	require.Equal(t, b.updates[0].RequestDigest, b.updates[1].RequestDigest)
	for _, wrong := range []string{"", "7", strings.ToUpper(decision), `"` + decision + `"`} {
		requireNamed(t, b.put(client1, `{}`, "If-Preview: "+wrong), "If-Preview")
	}
	require.Equal(t, http.StatusBadRequest, b.put(client1, `{}`, "If-Preview: "+decision, "If-Preview: "+strings.Repeat("0b", 32)).Status)
	require.Len(t, b.updates, 2)
}

var decisions = regexp.MustCompile(`"preview":"[0-9a-f]{64}"`)

// With the real commands and queries, a preview shows the effects with names and changes nothing,
// and the PUT applies them.
func TestPreviewShowsEffectsThatPutApplies(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	body := `{"sub_account_ids":["` + client2 + `"]}`
	before := b.get(dashboardPath+client1, b.agencyToken()).Body
	linking := b.preview(body).Says(t, http.StatusOK)
	require.Equal(t, before, b.get(dashboardPath+client1, b.agencyToken()).Body)
	requireGolden(t, "dashboard_preview", decisions.ReplaceAllString(linking.Body, `"preview":"DECISION"`))

	decision := linking.Object(t)["data"].(map[string]any)["preview"].(string)
	require.Equal(t, http.StatusPreconditionFailed, b.put(client1, `{"users":[]}`, "If-Preview: "+decision).Status, "another change than was shown")
	require.Equal(t, http.StatusOK, b.put(client1, body, "If-Preview: "+decision).Status)
	nothing := b.preview(body).Says(t, http.StatusOK)
	requireGolden(t, "dashboard_preview_of_nothing", nothing.Body)
	b.preview(`{"sub_account_ids":["`+otherClient+`"],"users":["`+otherUser+`"]}`).Says(t, http.StatusUnprocessableEntity).Lacks(t, "Other")
}
