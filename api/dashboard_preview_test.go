package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

const previewPath = dashboardPath + client1 + "/preview"

func (b *bundle) preview(body string, headers ...string) answer {
	b.t.Helper()
	return b.ask(http.MethodPost, previewPath, body, append(headers, "Authorization: Bearer "+b.agencyToken())...)
}

// A preview takes what the PUT takes, but for what is of a record.
func TestAPreviewIsAskedAsThePut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := `{"sub_account_ids":["` + strings.ToUpper(client2) + `"],"unlink":true,"nested":{"x":[1]}}`
	require.Equal(t, http.StatusOK, b.preview(body, `If-Match: "42"`).status)
	require.Equal(t, http.StatusOK, b.put(client1, body, `If-Match: "42"`).status)
	require.Equal(t, b.updates[0].Change, b.previews[0].Change)
	require.Len(t, b.updates, 1)
	require.Empty(t, b.previews[0].IdempotencyKey)

	for _, path := range []string{previewPath + "?dry_run=true", dashboardPath + "17/preview"} {
		require.Equal(t, http.StatusBadRequest, b.ask(http.MethodPost, path, "{}", "Authorization: Bearer "+b.agencyToken()).status, path)
	}
	require.Equal(t, http.StatusBadRequest, b.preview(`{"users":["bob"]}`).status)
	require.Equal(t, http.StatusBadRequest, b.preview(`{}`, "If-Match: 7").status)
	b.updateErr = domain.NewError(domain.CodePreconditionFailed, "The dashboard has changed since you read it.")
	require.Equal(t, http.StatusPreconditionFailed, b.preview(`{}`).status)
	require.Len(t, b.previews, 2)
}

// If-Preview is what a preview answered, and no part of what a repetition is known by.
func TestIfPreview(t *testing.T) {
	t.Parallel()
	b := setup(t)
	decision := strings.Repeat("0a", 32)
	require.Equal(t, http.StatusOK, b.put(client1, `{}`).status)
	require.Equal(t, http.StatusOK, b.put(client1, `{}`, "If-Preview: "+decision).status)
	require.Empty(t, b.updates[0].Change.Decision)
	require.Equal(t, decision, b.updates[1].Change.Decision)
	require.Equal(t, b.updates[0].RequestDigest, b.updates[1].RequestDigest)
	for _, wrong := range []string{"", "7", strings.ToUpper(decision), `"` + decision + `"`} {
		answer := b.put(client1, `{}`, "If-Preview: "+wrong)
		answer.requireNamed(t, "If-Preview", wrong)
	}
	require.Equal(t, http.StatusBadRequest, b.put(client1, `{}`, "If-Preview: "+decision, "If-Preview: "+decision).status)
	require.Len(t, b.updates, 2)
}

var decisions = regexp.MustCompile(`"preview":"[0-9a-f]{64}"`)

// The real commands and queries: what a link does is shown with names, nothing is changed, and the PUT does it.
func TestPreviewGoldenAnswers(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	body := `{"sub_account_ids":["` + client2 + `"]}`
	before := b.get(dashboardPath+client1, b.agencyToken()).body
	linking := b.preview(body)
	require.Equal(t, http.StatusOK, linking.status, linking.body)
	require.Equal(t, before, b.get(dashboardPath+client1, b.agencyToken()).body)
	requireGolden(t, "dashboard_preview", decisions.ReplaceAllString(linking.body, `"preview":"DECISION"`))

	decision := linking.object(t)["data"].(map[string]any)["preview"].(string)
	require.Equal(t, http.StatusPreconditionFailed, b.put(client1, `{"users":[]}`, "If-Preview: "+decision).status, "another change than was shown")
	require.Equal(t, http.StatusOK, b.put(client1, body, "If-Preview: "+decision).status)
	nothing := b.preview(body)
	require.Equal(t, http.StatusOK, nothing.status, nothing.body)
	requireGolden(t, "dashboard_preview_of_nothing", nothing.body)
	foreign := b.preview(`{"sub_account_ids":["` + otherClient + `"],"users":["` + otherUser + `"]}`)
	require.Equal(t, http.StatusUnprocessableEntity, foreign.status, foreign.body)
	require.NotContains(t, foreign.body, "Other")
}
