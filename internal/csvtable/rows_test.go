package csvtable_test

import (
	"encoding/csv"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/csvtable"
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
	New  int             `json:"new,omitzero"`
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

// The rule stated in the API document, applied to a table with every case.
func TestNestedAnswersAsCSV(t *testing.T) {
	t.Parallel()
	text, tables, err := csvOf(sampleAnswer(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"data", "total.days", "rows", "rows.detail.days", "other"}, tables)
	rows := records(t, text)
	require.Len(t, rows, 5)
	require.Equal(t, "data", rows[0]["table"])
	require.Equal(t, "7", rows[0]["total.value"])
	require.Equal(t, "'=a b", rows[0]["total.names"], "text that starts like a formula")
	require.Equal(t, "total.days", rows[1]["table"])
	require.Equal(t, "-1.5", rows[1]["total.days.gain"], "a negative number is not a formula")
	require.Equal(t, "2026-01-02T02:04:05Z", rows[1]["total.days.at"])
	require.Equal(t, "true", rows[1]["total.days.on"])
	require.Equal(t, "6", rows[1]["total.days.p_id"], "as in JSON")
	require.Empty(t, rows[1]["total.value"], "fields outside of lists are not repeated")
	require.Equal(t, "'=1+1", rows[2]["rows.name"])
	require.Equal(t, `{"x":1}`, rows[2]["rows.split"])
	require.Equal(t, "rows.detail.days", rows[3]["table"])
	require.Equal(t, "'=1+1", rows[3]["rows.name"], "a row starts with the enclosing elements")
	require.Equal(t, "2026-01-02", rows[3]["rows.detail.days.day"])
	require.Equal(t, `a "b", c`, rows[4]["rows.name"])
	require.Empty(t, rows[4]["rows.gain"], "null is empty")
	require.Equal(t, "2", rows[2]["rows.a_type"])
	require.Empty(t, rows[4]["rows.a_type"], "a field that JSON omits is not zero")
	require.NotContains(t, text, "Secret")
}

func TestOneTableAsCSV(t *testing.T) {
	t.Parallel()
	text, _, err := csvOf(sampleAnswer(), "rows.detail.days")
	require.NoError(t, err)
	rows := records(t, text)
	require.Len(t, rows, 1)
	require.NotContains(t, rows[0], "table")
	require.NotContains(t, rows[0], "total.value")
	require.Equal(t, "'=1+1", rows[0]["rows.name"])
	text, tables, err := csvOf([]csvLeaf{{Day: "a"}, {Day: "b"}}, "")
	require.NoError(t, err)
	require.Equal(t, []string{"data"}, tables)
	require.Equal(t, "day,gain,at,on,p_id,new\na,,0001-01-01T00:00:00Z,false,0,0\nb,,0001-01-01T00:00:00Z,false,0,0\n", text, "a count that JSON omits is 0")
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

// csvOf formats data as CSV and returns the names of its tables.
func csvOf[R any](data R, table string) (text string, tables []string, err error) {
	plan := csvtable.NewPlan(reflect.TypeFor[R]())
	raw, err := plan.Write(data, table, false)
	return string(raw), plan.Names(), err
}
