package tabular_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/internal/tabular"
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
	New  csvCount        `json:"new,omitzero"`
}

// csvCount is a number of a type that the library for workbooks would write as text.
type csvCount int

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

func TestSelectedTableAsCSV(t *testing.T) {
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

// A text with a separator of another locale stays in its cell. LibreOffice splits at commas, semicolons and
// tabs unless a person says otherwise, and so are they set here.
func TestLibreOfficeKeepsColumnsOfCSV(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "soffice")
	texts := []string{"Müller; Söhne", "a\tb", "c, d", `"e"; f`, " g;", "h\ni", `\.`, "plain"}
	var leaves []csvElem
	for i, text := range texts {
		leaves = append(leaves, csvElem{Name: text, csvLeaf: csvLeaf{Day: "2026-01-02", Gain: new(float64(i))}})
	}
	text, _, err := csvOf(leaves, "")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "in.csv"), []byte(text), 0o600))
	const separated, out = "44/59/9,34,76,1", "csv:Text - txt - csv (StarCalc):124,34,76,1"
	command := exec.CommandContext(t.Context(), "soffice", "--headless", "--norestore", "-env:UserInstallation=file://"+dir+"/profile",
		"--infilter=CSV:"+separated, "--convert-to", out, "--outdir", filepath.Join(dir, "out"), filepath.Join(dir, "in.csv"))
	printed, err := command.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	read, err := os.ReadFile(filepath.Join(dir, "out", "in.csv"))
	require.NoError(t, err)
	reader := csv.NewReader(bytes.NewReader(read))
	reader.Comma = '|'
	lines, err := reader.ReadAll()
	require.NoError(t, err)
	name, gain := slices.Index(lines[0], "name"), slices.Index(lines[0], "gain")
	for i, text := range texts {
		require.Equal(t, text, lines[i+1][name])
		require.Equal(t, strconv.Itoa(i), lines[i+1][gain], text)
	}
}

// All lines have the keys of all objects, so that programs that take the columns from the first lines
// lose nothing. What JSON leaves out is null, a flag false, a list empty.
func TestLinesHaveAllKeys(t *testing.T) {
	t.Parallel()
	type inner struct {
		Code   string `json:"code"`
		Ticket string `json:"ticket,omitempty"`
	}
	type embedded struct {
		Names []string `json:"names,omitempty"`
	}
	type entry struct {
		embedded

		ID      int64           `json:"id"`
		Row     int64           `json:"row,omitempty"`
		Count   int             `json:"count,omitzero"`
		Flag    bool            `json:"flag,omitempty"`
		At      time.Time       `json:"at"`
		Since   time.Time       `json:"since,omitzero"`
		To      *time.Time      `json:"to,omitempty"`
		Inner   *inner          `json:"inner,omitempty"`
		List    []inner         `json:"list"`
		Unknown []string        `json:"unknown"` // null is not an empty list
		Raw     json.RawMessage `json:"raw,omitempty"`
		Hidden  string          `json:"-"`
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	full := entry{
		embedded: embedded{[]string{"<a>"}}, ID: 1, Row: 2, Count: 3, Flag: true, At: at, Since: at, To: &at,
		Inner: &inner{"x", "T-1"}, List: []inner{{Code: "y"}}, Unknown: []string{}, Raw: json.RawMessage(`{"k":1}`), Hidden: "hidden",
	}
	var out, as bytes.Buffer
	lines := tabular.NewLines(&out)
	require.NoError(t, lines.Row(entry{At: at}))
	require.NoError(t, lines.Row(full))
	require.NoError(t, lines.Row([]entry{}))
	ledgertest.RequireSameKeys(t, out.String())
	empty := `{"names":[],"id":0,"row":null,"count":0,"flag":false,"at":"2026-01-02T03:04:05Z","since":null,"to":null,"inner":null,` +
		`"list":null,"unknown":null,"raw":null}`
	full.List[0].Ticket = "T-2" // JSON omits nothing then
	require.NoError(t, json.NewEncoder(&as).Encode(full))
	require.Equal(t, empty+"\n"+strings.Replace(as.String(), `"T-2"`, "null", 1)+"[]\n", out.String())
	require.Error(t, lines.Row([]struct{ F func() }{{func() {}}}))
}

// csvOf formats data as CSV and returns the names of its tables.
func csvOf[R any](data R, table string) (text string, tables []string, err error) {
	plan := tabular.NewPlan(reflect.TypeFor[R]())
	raw, err := plan.CSV(data, table)
	return string(raw), plan.Names(), err
}

// workbookOf returns a workbook with the tables of data, read again.
func workbookOf[R any](t *testing.T, data R, table string, labels tabular.Labels) *excelize.File {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	book, err := tabular.NewWorkbook(berlin)
	require.NoError(t, err)
	defer book.Close()
	plan := tabular.NewPlan(reflect.TypeFor[R]())
	require.NoError(t, plan.Add(book, data, table, func(string) tabular.Labels { return labels }))
	book.About("Complete", true)
	book.About("Start", time.Time{})
	var out bytes.Buffer
	require.NoError(t, book.Write(&out, nil, nil))
	file, err := excelize.OpenReader(&out)
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

// requireCell compares the raw value and the type of a cell with what is wanted, and its number format.
func requireCell(t *testing.T, file *excelize.File, sheet, cell string, want excelize.CellType, value string, format int) {
	t.Helper()
	kind, err := file.GetCellType(sheet, cell)
	require.NoError(t, err)
	require.Equal(t, want, kind, "%s!%s", sheet, cell)
	got, err := file.GetCellValue(sheet, cell, excelize.Options{RawCellValue: true})
	require.NoError(t, err)
	require.Equal(t, value, got, "%s!%s", sheet, cell)
	id, err := file.GetCellStyle(sheet, cell)
	require.NoError(t, err)
	style, err := file.GetStyle(id)
	require.NoError(t, err)
	require.Equal(t, format, style.NumFmt, "%s!%s", sheet, cell)
	formula, err := file.GetCellFormula(sheet, cell)
	require.NoError(t, err)
	require.Empty(t, formula)
}

// A cell has the type of its value: a text is never a formula, and an id never a number.
func TestWorkbookCellsHaveValueType(t *testing.T) {
	t.Parallel()
	const text, number, boolean = excelize.CellTypeInlineString, excelize.CellTypeUnset, excelize.CellTypeBool
	file := workbookOf(t, sampleAnswer(), "", tabular.Labels{"gain": "Gained"})
	require.Equal(t, []string{"data", "total.days", "rows", "rows.detail.days", "other", "About"}, file.GetSheetList())
	rows, err := file.GetRows("rows")
	require.NoError(t, err)
	require.Equal(t, []string{"Day (Europe/Berlin)", "Gained", "At (Europe/Berlin)", "On", "Platform id", "New", "Name", "Detail value", "Detail names", "Split", "A type"}, rows[0])
	requireCell(t, file, "rows", "A2", number, "46024", 14)
	requireCell(t, file, "rows", "B2", number, "-1.5", 4)
	requireCell(t, file, "rows", "C2", number, "46024.1278356481", 22) // 03:04:05 in Berlin
	requireCell(t, file, "rows", "D2", boolean, "1", 0)
	requireCell(t, file, "rows", "E2", text, "6", 0)
	requireCell(t, file, "rows", "F2", number, "0", 3)
	requireCell(t, file, "rows", "G2", text, "=1+1", 0)
	requireCell(t, file, "rows", "H2", number, "", 0)
	requireCell(t, file, "rows", "J2", text, `{"x":1}`, 0)
	requireCell(t, file, "data", "A2", number, "7", 3)
	requireCell(t, file, "data", "B2", text, "=a b", 0)
	other, err := file.GetRows("other")
	require.NoError(t, err)
	require.Len(t, other, 1, "a table without rows has its columns")
	about, err := file.GetRows("About")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"Complete", "TRUE"}}, about)
}

// What a sheet cannot hold as it is, it tells.
func TestWorkbookReportsTruncatedTextAndLargeNumbers(t *testing.T) {
	t.Parallel()
	type row struct {
		Name string `json:"name"`
		ID   int64  `json:"id"`
		Big  int64  `json:"big"`
	}
	long := strings.Repeat("ä😀", 20_000)
	file := workbookOf(t, []row{{long, 7, 1<<53 - 1}, {strings.Repeat("x", 32_767), 8, 999_999_999_999_999}}, "", nil)
	requireCell(t, file, "data", "B2", excelize.CellTypeInlineString, "7", 0)
	requireCell(t, file, "data", "C2", excelize.CellTypeInlineString, "9007199254740991", 0)
	requireCell(t, file, "data", "C3", excelize.CellTypeUnset, "999999999999999", 3)
	cut, err := file.GetCellValue("data", "A2")
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(cut, "😀 … [shortened: 60000 characters]"), cut[len(cut)-60:])
	whole, err := file.GetCellValue("data", "A3")
	require.NoError(t, err)
	require.Len(t, whole, 32_767)
	about, err := file.GetRows("About")
	require.NoError(t, err)
	require.Equal(t, []string{"Shortened texts", "1. A cell holds 32767 characters; CSV and JSON have the whole texts."}, about[1])
}

// Every table has a sheet of its own, also if its name is longer than that of a sheet may be.
func TestLongTableNamesHaveUniqueSheets(t *testing.T) {
	t.Parallel()
	tables := tabular.NewPlan(reflect.TypeFor[analytics.PlatformStats]()).Names()
	sheets := workbookOf(t, analytics.PlatformStats{}, "", nil).GetSheetList()
	require.Len(t, sheets, len(tables)+1)
	require.Contains(t, tables, "platforms.previous_periods.demographics.age_groups")
	require.Contains(t, sheets, "previous_periods.age_groups")
	require.Contains(t, sheets, "periods.demographics.age_groups")
}

// The columns of a series have the same names as the figures on the pages of the console.
func TestSeriesColumnsHaveConsoleNames(t *testing.T) {
	t.Parallel()
	for names, file := range map[string]*excelize.File{
		"Followers,Change,Accounts read,Accounts newly connected":   seriesOf[analytics.AccountFollowers](t),
		"Net growth of followers,Accounts read":                     seriesOf[analytics.AccountNetGrowth](t),
		"Engagement gained,Likes,Comments,Shares,Readings of posts": seriesOf[analytics.PostsTotalEngagements](t),
		"Impressions,Reach,Accounts read":                           seriesOf[analytics.AccountStats](t),
		"Video views gained,Readings of posts":                      seriesOf[analytics.PostsViews](t),
		"Posts published":                                           seriesOf[analytics.ActivityMeter](t),
	} {
		require.Equal(t, []string{"total.series", "About"}, file.GetSheetList())
		rows, err := file.GetRows("total.series")
		require.NoError(t, err)
		require.Equal(t, "Day (Europe/Berlin),"+names, strings.Join(rows[0], ","))
	}
}

func seriesOf[R any](t *testing.T) *excelize.File {
	t.Helper()
	return workbookOf(t, *new(R), "total.series", analytics.FigureNames)
}
