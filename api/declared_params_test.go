package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

// A route reads what it declares, each parameter by its kind, and nothing else: else no request gets through.
func TestReadingAgainstDeclarationsIsRefused(t *testing.T) {
	t.Parallel()
	limit := func(p *api.Params) { p.Limit() }
	require.NoError(t, api.ReadDeclared(limit, api.Limit))
	require.NoError(t, api.ReadDeclared(func(p *api.Params) { p.Limit(); p.Accounts(api.Account) }, api.Limit, api.Account))

	err := api.ReadDeclared(limit)
	require.ErrorContains(t, err, "limit is read as limit and not declared so")
	require.Equal(t, domain.CodeInternal, domain.CodeOf(err), "a defect of the program, not of the caller")
	require.ErrorContains(t, api.ReadDeclared(limit, api.Limit, api.Account), "account is declared and not read")

	text := api.Limit
	text.Kind = api.KindText
	require.ErrorContains(t, api.ReadDeclared(limit, text), "limit is read as limit and not declared so")
}

// Every route that takes parameters was asked once, with each role: what it reads is what it declares, so no answer is
// a 500. Streams are asked for an account that does not exist, which they refuse after they have read.
func TestEveryRouteReadsWhatItDeclares(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	asked := 0
	for _, op := range api.Describe().Operations {
		path := op.Pattern
		for _, declared := range op.Takes {
			require.NotEmpty(t, declared.Text, "%s of %s", declared.Name, op.ID)
			require.NotEmpty(t, declared.Kind, "%s of %s", declared.Name, op.ID)
			path = strings.ReplaceAll(path, "{"+declared.Name+"}", fmt.Sprint(declared.Example))
		}
		if len(op.Takes) == 0 || op.Method != http.MethodGet || op.ID == "getNotices" { // which reads its own by hand
			continue
		}
		if op.ID == "getLive" {
			path += "?account=none"
		}
		require.NotContains(t, path, "{", "the path of %s names what it does not declare", op.ID)
		for _, role := range []string{"agency", "auditor"} {
			answer := b.ask(op.Method, path, "", "Authorization: Bearer "+b.tokenOf(role))
			require.Less(t, answer.status, http.StatusInternalServerError, "%s: %s %s", op.ID, answer.body, b.logged())
		}
		asked++
	}
	require.Greater(t, asked, 60)
}
