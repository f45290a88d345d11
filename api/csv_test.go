package api_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

type csvAnswer struct {
	Total csvTotal  `json:"total"`
	Rows  []csvElem `json:"rows"`
	Other []csvLeaf `json:"other"`
}

type csvTotal struct {
	Value *int64    `json:"value"`
	Names []string  `json:"names"`
	Days  []csvLeaf `json:"days"`
}

type csvElem struct {
	csvLeaf

	Name   string           `json:"name"`
	Detail *csvTotal        `json:"detail"`
	Split  map[string]int64 `json:"split"`
	Secret string           `json:"-"`
	Type   int              `json:"a_type,omitempty"`
}

type csvLeaf struct {
	Day  string          `json:"day"`
	Gain *float64        `json:"gain"`
	At   time.Time       `json:"at"`
	On   bool            `json:"on"`
	P    domain.Platform `json:"p_id"`
}

func sampleAnswer() csvAnswer {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	leaf := csvLeaf{Day: "2026-01-02", Gain: new(-1.5), At: at, On: true, P: domain.TikTok}
	return csvAnswer{
		Total: csvTotal{Value: new(int64(7)), Names: []string{"=a", "b"}, Days: []csvLeaf{leaf}},
		Rows: []csvElem{
			{csvLeaf: leaf, Name: "=1+1", Detail: &csvTotal{Days: []csvLeaf{leaf}}, Split: map[string]int64{"x": 1}, Type: 2},
			{Name: `a "b", c`},
		},
	}
}

// The rule that the API document states, on a table that has everything in it.
func TestNestedAnswersAsCSV(t *testing.T) {
	t.Parallel()
	text, tables, err := api.CSVOf(sampleAnswer(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"data", "total.days", "rows", "rows.detail.days", "other"}, tables)
	rows := records(t, text)
	require.Len(t, rows, 5)
	require.Equal(t, "data", rows[0]["table"])
	require.Equal(t, "7", rows[0]["total.value"])
	require.Equal(t, "'=a b", rows[0]["total.names"], "a text that begins like a formula")
	require.Equal(t, "total.days", rows[1]["table"])
	require.Equal(t, "-1.5", rows[1]["total.days.gain"], "a negative number is no formula")
	require.Equal(t, "2026-01-02T02:04:05Z", rows[1]["total.days.at"])
	require.Equal(t, "true", rows[1]["total.days.on"])
	require.Equal(t, "6", rows[1]["total.days.p_id"], "as in JSON")
	require.Empty(t, rows[1]["total.value"], "what stands in no list is not repeated")
	require.Equal(t, "'=1+1", rows[2]["rows.name"])
	require.Equal(t, `{"x":1}`, rows[2]["rows.split"])
	require.Equal(t, "rows.detail.days", rows[3]["table"])
	require.Equal(t, "'=1+1", rows[3]["rows.name"], "a row begins with the elements that it stands in")
	require.Equal(t, "2026-01-02", rows[3]["rows.detail.days.day"])
	require.Equal(t, `a "b", c`, rows[4]["rows.name"])
	require.Empty(t, rows[4]["rows.gain"], "null is empty")
	require.Equal(t, "2", rows[2]["rows.a_type"])
	require.Empty(t, rows[4]["rows.a_type"], "what JSON leaves out is no zero")
	require.NotContains(t, text, "Secret")
}

func TestOneTableAsCSV(t *testing.T) {
	t.Parallel()
	text, _, err := api.CSVOf(sampleAnswer(), "rows.detail.days")
	require.NoError(t, err)
	rows := records(t, text)
	require.Len(t, rows, 1)
	require.NotContains(t, rows[0], "table")
	require.NotContains(t, rows[0], "total.value")
	require.Equal(t, "'=1+1", rows[0]["rows.name"])
	text, tables, err := api.CSVOf([]csvLeaf{{Day: "a"}, {Day: "b"}}, "")
	require.NoError(t, err)
	require.Equal(t, []string{"data"}, tables)
	require.Equal(t, "day,gain,at,on,p_id\na,,0001-01-01T00:00:00Z,false,0\nb,,0001-01-01T00:00:00Z,false,0\n", text)
}

func records(t *testing.T, text string) (rows []map[string]string) {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

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
		require.Contains(t, records(t, answer.body)[0], "total.followers.value")
	}
	for _, accept := range []string{"*/*", "text/csv;q=0.1, application/json", "text/html"} {
		require.Contains(t, b.get(path, b.agencyToken(), "Accept: "+accept).header.Get("Content-Type"), "application/json")
	}
	b.meta.Sources = []analytics.Source{{
		SocialAccount: 7, Status: analytics.SourcePartial, Reason: "3 of 31 days were read.",
		Missing: []domain.MissingFigure{{Name: "engagement", Reason: "permission"}},
	}}
	ofSources := b.get(path+"?table=meta.sources", b.agencyToken(), "Accept: text/csv")
	require.Empty(t, ofSources.header.Get("Link"), "every page has the same ones")
	sources := records(t, ofSources.body)
	require.Len(t, sources, 1)
	require.Equal(t, "3 of 31 days were read.", sources[0]["reason"], "why a cell is empty")
	for _, accept := range []string{"*/*", "text/html,application/xhtml+xml,*/*;q=0.8"} {
		require.Equal(t, ofSources.body, b.get(path+"?table=meta.sources", b.agencyToken(), "Accept: "+accept).body, "a link sets no header")
	}
	for query, accept := range map[string]string{"table=meta.sources": "application/json", "meta=brief": "text/csv", "meta=platforms&table=data": "*/*"} {
		field, _, _ := strings.Cut(query, "=")
		refused := b.get(path+"?"+query, b.agencyToken(), "Accept: "+accept)
		require.Equal(t, http.StatusBadRequest, refused.status, query)
		require.Equal(t, field, refused.failure(t).Errors[0].Field, "what would have no effect is refused")
	}
	refused := b.get(path+"?table=nothing", b.agencyToken(), "Accept: text/csv")
	require.Equal(t, http.StatusBadRequest, refused.status)
	require.Equal(t, "table", refused.failure(t).Errors[0].Field)
}
