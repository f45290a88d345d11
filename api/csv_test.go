package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

func TestAnalyticsAsCSV(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.meta = analytics.Meta{NextCursor: "x y"}
	const path = "/auth/getAccountInsights/2026-01-01/2026-01-31/all"
	for _, accept := range []string{"text/csv", "text/csv, application/json;q=0.5"} {
		answer := b.get(path, b.agencyToken(), "Accept: "+accept)
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		require.Equal(t, "text/csv; charset=utf-8; header=present", answer.header.Get("Content-Type"))
		require.Equal(t, `attachment; filename="getAccountInsights.csv"`, answer.header.Get("Content-Disposition"))
		require.Equal(t, `<?cursor=x+y>; rel="next"`, answer.header.Get("Link"))
		columns, _, _ := strings.Cut(answer.body, "\n")
		require.Contains(t, strings.Split(columns, ","), "total.followers.value")
	}
	for _, accept := range []string{"*/*", "text/csv;q=0.1, application/json", "text/html"} {
		require.Contains(t, b.get(path, b.agencyToken(), "Accept: "+accept).header.Get("Content-Type"), "application/json")
	}
	b.meta.Sources = []analytics.Source{{
		SocialAccount: 7, Status: analytics.SourcePartial, Reason: "3 of 31 days were read.",
		Missing: []domain.MissingFigure{{Name: "engagement", Reason: "permission"}}, Paused: "An operator has paused it.",
	}}
	ofSources := b.get(path+"?table=meta.sources", b.agencyToken(), "Accept: text/csv")
	require.Empty(t, ofSources.header.Get("Link"), "every page has the same ones")
	require.Equal(t, "p_id,platform,social_account_id,account_id,a_type,name,status,reason,last_read_at,paused\n"+
		"0,,7,,,,partial,3 of 31 days were read.,,An operator has paused it.\n", ofSources.body, "why a cell is empty")
	for _, accept := range []string{"*/*", "text/html,application/xhtml+xml,*/*;q=0.8"} {
		require.Equal(t, ofSources.body, b.get(path+"?table=meta.sources", b.agencyToken(), "Accept: "+accept).body, "a link sets no header")
	}
	for query, accept := range map[string]string{"table=meta.sources": "application/json", "meta=brief": "text/csv", "meta=brief&table=data": "*/*"} {
		field, _, _ := strings.Cut(query, "=")
		refused := b.get(path+"?"+query, b.agencyToken(), "Accept: "+accept)
		require.Equal(t, http.StatusBadRequest, refused.status, query)
		require.Equal(t, field, refused.failure(t).Errors[0].Field, "what would have no effect is refused")
	}
	refused := b.get(path+"?table=nothing", b.agencyToken(), "Accept: text/csv")
	require.Equal(t, http.StatusBadRequest, refused.status)
	require.Equal(t, "table", refused.failure(t).Errors[0].Field)
}
