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

// sheetOf returns the lines of a table for a spreadsheet, after the header.
func sheetOf(t *testing.T, values ...any) string {
	t.Helper()
	var out strings.Builder
	columns := make([]string, len(values))
	for i := range columns {
		columns[i] = "c"
	}
	w := csvtable.New(&out, columns, true)
	require.NoError(t, w.Values(values...))
	require.NoError(t, w.Flush())
	text, marked := strings.CutPrefix(out.String(), "\ufeff")
	require.True(t, marked, "without the mark, Excel reads Ärzte in the code page of the machine")
	_, rows, _ := strings.Cut(text, "\n")
	return rows
}

// A spreadsheet converts texts that look like numbers, times or dates, also quoted ones, and then
// the text is lost: 7301234567890123457 becomes 7.30123456789012E+018.
func TestTextsThatLookLikeNumbersStayTexts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"7301234567890123457", "007", "0", "1784:123", "880016:7301234567890123457", "44:12", "1e5", "1234567890e1234567890", "3.5", "3,5",
		"1/2", "3-4", "50%", "(5)", "$5", "€ 5", "5 €", "12:30 pm", "9a", "1 2", " 7", "2026-01", "1.2.2026", "01.02.", "March 5", "MAR1", "sept2",
		"5 Mai 2026", "5. März", "1-Dez", "3 août", "12 gen", "2026/1/2",
	} {
		require.Equal(t, `"'`+text+"\"\n", sheetOf(t, text), "%q", text)
	}
	for _, text := range []string{
		"Harbor Bakery", "Ärzte am Park", "c80000000000000000000001", "1e234567-89ab-4cde-8123-456789abcdef", "Cafe 24", "v12", "tiktok", "2 Brothers",
		"true", "2026-01-02", "7 & 8", "Maria", "a 5",
	} {
		require.Equal(t, `"`+text+"\"\n", sheetOf(t, text), "%q", text)
	}
	require.Equal(t, "5,-5,1.5,true,,4503599627370496\n", strings.ReplaceAll(
		sheetOf(t, 5, -5, 1.5, true, (*int64)(nil), domain.FirstComputedID), `"'4503599627370496"`, "4503599627370496"), "numbers are numbers")
	require.Equal(t, "\"'4503599627370496\",\"'9007199254740991\",999999999999999\n",
		sheetOf(t, domain.FirstComputedID, int64(1)<<53-1, 999999999999999), "a spreadsheet keeps 15 digits")
	require.Equal(t, "\"2026-01-02T03:04:05Z\",\"'12 34\",\"{\"\"x\"\":1}\"\n",
		sheetOf(t, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), []string{"12", "34"}, map[string]int{"x": 1}))
}

// Whatever separator a person selects, no cell begins with the sign of a formula.
func TestNoSeparatorBeginsAFormula(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"=1+2", "+1", "-x", "@SUM(A1)", " =1+2", "\t=1", "\r=1", "Price;=1+2;end", "Price;  =1+2", `Price;"=1+2"`, "Price\t=1", "Price\n=1", "Price\r\n-1",
		"Price;@x;+y", "a\u00a0;\u00a0=1", "＝1+2", "x;＋1", "'=1", "a;'=1", "2026-01-02;=1", "5;=1", `"=1`, `x"` + "\n" + `"=1`,
	} {
		row := sheetOf(t, "first", text, "=last")
		for _, separators := range []string{",", ";", "\t", ";\t", ",;\t"} {
			split := func(r rune) bool { return strings.ContainsRune(separators+"\r\n", r) }
			for _, cell := range strings.FieldsFunc(row, split) {
				start := strings.TrimLeft(cell, " \u00a0\"")
				require.NotRegexp(t, `^[=+@＝＋－＠-]`, start, "%q split at %q", row, separators)
			}
		}
	}
	require.Equal(t, "\"'=1+2\",\"a;'=1\",\"a = b; c-d, -e\"\n", sheetOf(t, "=1+2", "a;=1", "a = b; c-d, -e"))
}

func TestAnswersForSpreadsheets(t *testing.T) {
	t.Parallel()
	raw, err := csvtable.NewPlan(reflect.TypeFor[[]csvLeaf]()).Write([]csvLeaf{{Day: "2026-01-02", Gain: new(-1.5), P: domain.TikTok}}, "", true)
	require.NoError(t, err)
	require.Equal(t, "\ufeff\"day\",\"gain\",\"at\",\"on\",\"p_id\",\"new\"\n\"2026-01-02\",-1.5,\"0001-01-01T00:00:00Z\",false,6,0\n", string(raw))
	raw, err = csvtable.NewPlan(reflect.TypeFor[csvAnswer]()).Write(sampleAnswer(), "", true)
	require.NoError(t, err)
	rows := records(t, strings.TrimPrefix(string(raw), "\ufeff"))
	require.Equal(t, "rows", rows[2]["table"])
	require.Equal(t, "'=1+1", rows[2]["rows.name"])
	require.Equal(t, `a "b", c`, rows[4]["rows.name"])
}
