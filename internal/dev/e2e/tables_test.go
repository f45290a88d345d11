//go:build e2e

package e2e_test

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// tableFile is a table of a response, in the files that people take away.
type tableFile struct {
	Name  string `json:"name"`
	CSV   string `json:"csv"`
	XLSX  string `json:"xlsx"`
	Sheet string `json:"sheet"`
	Width int    `json:"width"`
	Texts []int  `json:"texts"` // columns of texts

	columns []tableColumn
	rows    int
}

// tableColumn is a column, or what a reader of a file found in it.
type tableColumn struct {
	Kind  string  `json:"kind"`
	Count int     `json:"count"`
	Sum   float64 `json:"sum"`
	Least string  `json:"least"`

	name string
	wall string // the first time in the asked zone, to the minute
	// cut is the same if it is a whole minute that LibreOffice shows as the one before: the nearest
	// floating-point number may be less than it, and LibreOffice cuts seconds.
	cut string
	// blank tells that the first row has no value.
	blank bool
	// omitted is the number of rows without the field: a count that JSON omits is 0 in a table.
	omitted int
}

type foundTable struct {
	Case    string        `json:"case"`
	Reader  string        `json:"reader"`
	Rows    int           `json:"rows"`
	Columns []tableColumn `json:"columns"`
}

// In the files of all tables, the programs of people find the types, the counts and the sums of the API.
func TestExportedTablesOpenInCommonPrograms(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "soffice", "psql")
	needs.Modules(t, "testdata/tables")
	p := startDemo(t, t.TempDir(), frozen...)
	home := t.TempDir()
	var files []*tableFile
	ranges := pastRanges()
	paths := append(p.analyticsPaths(ranges[:1]), "/api/stats", "/api/stats?granularity=month&compare=previous")
	paths = slices.DeleteFunc(paths, func(path string) bool { return strings.HasPrefix(path, "/auth/") }) // the same operations
	for _, path := range paths {
		files = append(files, p.tableFiles(home, path)...)
	}
	require.Greater(t, len(files), 80)
	for _, f := range files {
		p.requireCopied(f)
	}
	tables := map[string]*tableFile{}
	for _, f := range files {
		tables[f.Name] = f
	}
	found, ended := map[string]int{}, make(chan struct{})
	needs.Script(t, "testdata/tables", "read.py", map[string]any{"cases": files, "home": home}, func(line foundTable) {
		if line.Case == "end" {
			close(ended)
			return
		}
		found[line.Reader]++
		tables[line.Case].compare(t, line)
	})
	select {
	case <-ended:
	case <-time.After(5 * patience):
		require.Fail(t, "the readers do not end", "%v", found)
	}
	for _, reader := range []string{"DuckDB", "pandas", "polars", "csvkit", "openpyxl", "DuckDB, xlsx", "LibreOffice de-DE", "LibreOffice en-US"} {
		require.Equal(t, len(files), found[reader], reader)
	}
}

const zoneOfTables = "Europe/Berlin"

// tableFiles downloads the tables of a response. Tables without rows are left out.
func (p *program) tableFiles(home, path string) (files []*tableFile) {
	t := p.t
	t.Helper()
	address := func(more string) string {
		at, query, _ := strings.Cut(path, "?")
		return at + "?" + strings.Trim(query+"&tz="+zoneOfTables+more, "&")
	}
	save := func(name, more string) (file, body string) {
		answer := p.get(p.info.Tokens["agency"], address(more))
		answer.Says(t, 200)
		file = filepath.Join(home, name)
		require.NoError(t, os.WriteFile(file, []byte(answer.Body), 0o600))
		return file, answer.Body
	}
	base := strings.Trim(strings.Map(func(r rune) rune {
		if strings.ContainsRune("/?&=:", r) {
			return '_'
		}
		return r
	}, path), "_")
	answer := p.get(p.info.Tokens["agency"], address(""))
	answer.Says(t, 200)
	var body struct{ Data any }
	require.NoError(t, json.Unmarshal([]byte(answer.Body), &body))
	book, _ := save(base+".xlsx", "&format=xlsx")
	opened, err := excelize.OpenFile(book)
	require.NoError(t, err)
	zone, err := time.LoadLocation(zoneOfTables)
	require.NoError(t, err)
	defer opened.Close()
	for i, table := range tablesOf(body.Data) {
		file, text := save(fmt.Sprintf("%s-%d.csv", base, i), "&table="+url.QueryEscape(table))
		lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		require.NoError(t, err)
		f := &tableFile{Name: path + " " + table, CSV: file, XLSX: book, Width: len(lines[0]), Texts: []int{}}
		sheets := opened.GetSheetList()
		at := slices.Index(sheets, table)
		if at < 0 {
			at = slices.IndexFunc(sheets, func(sheet string) bool { return strings.HasSuffix(table, "."+sheet) })
		}
		if at < 0 { // a shortened name
			at = slices.IndexFunc(sheets, func(sheet string) bool {
				head, last, _ := strings.Cut(sheet, ".")
				return strings.HasSuffix(table, "."+last) && strings.Contains(table, "."+head+".")
			})
		}
		require.GreaterOrEqual(t, at, 0, "%s is not in %v", table, sheets)
		f.Sheet = sheets[at]
		rows := rowsOfTable(body.Data, table)
		f.rows = len(rows)
		for i, name := range lines[0] {
			column := columnOf(name, rows, zone)
			if f.columns = append(f.columns, column); column.Kind == "text" || isID(name) {
				f.Texts = append(f.Texts, i)
			}
		}
		files = append(files, f)
	}
	return files
}

// tablesOf returns the paths of the lists of objects in a response that have elements, and "data" if
// there are fields outside lists.
func tablesOf(data any) (names []string) {
	var visit func(path string, value any, inList bool)
	fields := false
	visit = func(path string, value any, inList bool) {
		object, _ := value.(map[string]any)
		for name, member := range object {
			at := strings.TrimPrefix(path+"."+name, ".")
			list, isList := member.([]any)
			switch {
			case isList && len(list) > 0 && isObject(list[0]):
				if !slices.Contains(names, at) {
					names = append(names, at)
				}
				for _, element := range list {
					visit(at, element, true)
				}
			case isObject(member):
				visit(at, member, inList)
			case !isList && !inList:
				fields = true
			}
		}
	}
	if list, isList := data.([]any); isList {
		if len(list) > 0 {
			names = append(names, "data")
		}
		return names
	}
	visit("", data, false)
	if fields {
		names = append(names, "data")
	}
	slices.Sort(names)
	return names
}

func isObject(value any) bool {
	_, is := value.(map[string]any)
	return is
}

// rowsOfTable returns the rows of a table by the paths of their columns: an element of a list with
// the fields of the elements around it.
func rowsOfTable(data any, table string) (rows []map[string]any) {
	var visit func(path string, value any, row map[string]any, isRow bool)
	visit = func(path string, value any, row map[string]any, isRow bool) {
		type inner struct {
			path string
			list []any
		}
		var lists []inner
		var flatten func(path string, value any)
		flatten = func(path string, value any) {
			object, _ := value.(map[string]any)
			for name, member := range object {
				at := strings.TrimPrefix(path+"."+name, ".")
				list, isList := member.([]any)
				switch {
				case isList && len(list) > 0 && isObject(list[0]):
					lists = append(lists, inner{at, list})
				case isObject(member):
					flatten(at, member)
				default:
					row[at] = member
				}
			}
		}
		flatten(path, value)
		if isRow && path == table || table == "data" && path == "" {
			rows = append(rows, row)
			return
		}
		for _, l := range lists {
			if table != l.path && !strings.HasPrefix(table, l.path+".") {
				continue
			}
			for _, element := range l.list {
				around := map[string]any{}
				if path != "" { // fields outside lists are not repeated
					maps.Copy(around, row)
				}
				visit(l.path, element, around, true)
			}
		}
	}
	visit("", data, map[string]any{}, false)
	return rows
}

// isID reports whether a column of numbers has ids, which are texts in workbooks.
func isID(column string) bool {
	name := column[strings.LastIndexByte(column, '.')+1:]
	return name == "id" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids")
}

// columnOf returns what the API says in a column.
func columnOf(name string, rows []map[string]any, zone *time.Location) tableColumn {
	c := tableColumn{name: name, Kind: "empty"}
	var least time.Time
	for i, row := range rows {
		value, known := row[name]
		c.blank = c.blank || i == 0 && (value == nil || value == "")
		if !known {
			c.omitted++
		}
		switch v := value.(type) {
		case float64:
			c.Kind, c.Sum = "number", c.Sum+v
		case bool:
			c.Kind = "bool"
		case string:
			if v == "" {
				continue
			}
			at, err := time.Parse(time.RFC3339, v)
			_, noDay := time.Parse(time.DateOnly, v)
			kind := "text"
			switch {
			case err == nil:
				kind = "time"
				if least.IsZero() || at.Before(least) {
					least = at
				}
			case noDay == nil:
				kind = "date"
			}
			if c.Kind == "empty" {
				c.Kind = kind
			} else if c.Kind != kind {
				c.Kind = "text"
			}
		case []any:
			if len(v) == 0 {
				continue
			}
			c.Kind = "text"
		default:
			continue
		}
		c.Count++
	}
	if c.Kind == "time" {
		c.Least, c.wall = least.UTC().Format("2006-01-02T15:04:05"), least.In(zone).Format("2006-01-02T15:04")
		if least.Second() == 0 {
			c.cut = least.In(zone).Add(-time.Minute).Format("2006-01-02T15:04:05")
		}
	}
	return c
}

// compare compares what a reader found with what the API says.
func (f *tableFile) compare(t *testing.T, found foundTable) {
	t.Helper()
	where := fmt.Sprintf("%s of %s", found.Reader, found.Case)
	if found.Rows != f.rows || len(found.Columns) != len(f.columns) {
		t.Errorf("%s: %d rows and %d columns, want %d and %d", where, found.Rows, len(found.Columns), f.rows, len(f.columns))
		return
	}
	for i, want := range f.columns {
		got := found.Columns[i]
		if err := found.compareColumn(want, got); err != nil {
			t.Errorf("%s, %s: %v", where, want.name, err)
		}
	}
}

func (f foundTable) isLibreOffice() bool { return strings.HasPrefix(f.Reader, "LibreOffice") }

func (f foundTable) isWorkbook() bool {
	return strings.Contains(f.Reader, "xlsx") || f.Reader == "openpyxl" || f.isLibreOffice()
}

func (f foundTable) compareColumn(want, got tableColumn) error {
	switch {
	case want.Count == 0 && want.omitted > 0:
		return nil
	case f.Reader == "csvkit" && (want.Kind == "text" || got.Kind == "bool"):
		return nil // it reads the text "none" as null, and a column of 0 and 1 as boolean
	case got.Count < want.Count || got.Count > want.Count+want.omitted:
		return fmt.Errorf("%d values, want %d", got.Count, want.Count)
	case f.Reader == "DuckDB, xlsx" && want.blank:
		return nil // it takes the type of a column from its first row
	case want.Kind == "text" && !f.isWorkbook():
		return nil // programs infer the types of texts, such as ids of digits
	}
	if kind := f.kindOf(want, got); got.Kind != kind {
		return fmt.Errorf("%s, want %s", got.Kind, kind)
	}
	if least := want.Least; want.Kind == "time" && got.Kind == "time" && (f.isWorkbook() || got.Least != "") {
		if f.isWorkbook() {
			least = want.wall
		}
		if !strings.HasPrefix(got.Least, least) && (!f.isLibreOffice() || got.Least != want.cut) {
			return fmt.Errorf("the first time is %s, want %s", got.Least, least)
		}
	}
	within := 1e-9 * math.Max(1, math.Abs(want.Sum))
	if f.isLibreOffice() { // shows two decimals
		within += 0.005 * float64(want.Count)
	}
	if got.Kind == "number" && math.Abs(got.Sum-want.Sum) > within {
		return fmt.Errorf("sum %v, want %v", got.Sum, want.Sum)
	}
	return nil
}

// kindOf returns the kind that a reader should find in a column.
func (f foundTable) kindOf(want, got tableColumn) string {
	switch {
	case f.isWorkbook() && isID(want.name) && want.Kind == "number":
		return "text"
	case f.Reader == "pandas" && (want.Kind == "time" || want.Kind == "date"):
		return "text" // it converts times on request only
	case want.Kind == "date" && got.Kind == "time" && f.isWorkbook():
		return "time" // at midnight
	default:
		return want.Kind
	}
}

// requireCopied loads a file into a typed table of PostgreSQL with \copy.
func (p *program) requireCopied(f *tableFile) {
	t := p.t
	t.Helper()
	types := map[string]string{"number": "double precision", "time": "timestamptz", "date": "date", "bool": "boolean"}
	columns, sums := make([]string, len(f.columns)), []string{"count(*)"}
	want, more := []float64{float64(f.rows)}, []float64{0}
	for i, c := range f.columns {
		columns[i] = fmt.Sprintf("c%d %s", i, cmp.Or(types[c.Kind], "text"))
		sums = append(sums, fmt.Sprintf("count(c%d)", i))
		want, more = append(want, float64(c.Count)+float64(c.omitted)/2), append(more, float64(c.omitted)/2)
		if c.Kind == "number" {
			sums = append(sums, fmt.Sprintf("sum(c%d)", i))
			want, more = append(want, c.Sum), append(more, 0)
		}
	}
	out, err := exec.Command("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", p.info.DatabaseURL,
		"-c", "create temp table t ("+strings.Join(columns, ", ")+")", "-c", `\copy t from '`+f.CSV+`' csv header`,
		"-c", "select "+strings.Join(sums, ", ")+" from t").CombinedOutput()
	require.NoError(t, err, "%s: %s", f.Name, out)
	for i, text := range strings.Split(strings.TrimSpace(string(out)), "|") {
		var got float64
		_, err := fmt.Sscan(text, &got)
		require.NoError(t, err, "%s: %s", f.Name, out)
		require.InDelta(t, want[i], got, more[i]+1e-9*math.Max(1, math.Abs(want[i])), "%s: %s", f.Name, sums[i])
	}
}
