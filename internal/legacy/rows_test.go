package legacy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// read returns the values of a column and the refusals, each with its line.
func read(t testing.TB, content, column string) (rows, bad []string) {
	t.Helper()
	for r, err := range legacy.Read(strings.NewReader(content), time.UTC) {
		if err != nil {
			require.ErrorAs(t, err, new(*legacy.RowError))
			bad = append(bad, err.Error())
			continue
		}
		rows = append(rows, fmt.Sprintf("%d:%s", r.Line, r.Text(column)))
	}
	return rows, bad
}

func TestRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", legacy.MaxRow+1)
	for name, c := range map[string]struct {
		content   string
		rows, bad []string
	}{
		"nothing":               {"", nil, nil},
		"space alone":           {" \n\t\r\n", nil, nil},
		"CSV":                   {"a,b\n1,2\n3,4\n", []string{"2:1", "3:3"}, nil},
		"CSV of a spreadsheet":  {"\xef\xbb\xbfa;b\r\n1;2,5\r\n", []string{"2:1"}, nil},
		"CSV separated by tabs": {"b\ta\n1\t2\n", []string{"2:2"}, nil},
		"a field of two lines":  {"a,b\n\"x\ny\",2\n3,4", []string{"2:x\ny", "4:3"}, nil},
		"lines before the head": {"\n\na\n1\n", []string{"4:1"}, nil},
		"absent fields":         {"a\nNULL\n\\N\n\" \"\nnull\n0\n", []string{"2:", "3:", "4:", "5:", "6:0"}, nil},
		"a row of another width": {
			"a,b\n1\n3,4\n5,6,7\n",
			[]string{"3:3"},
			[]string{"line 2: has 1 fields, but the header has 2 columns", "line 4: has 3 fields, but the header has 2 columns"},
		},
		"a stray quote":            {"a,b\n1,x\"y\n3,4\n", []string{"3:3"}, []string{`line 2: is not CSV: bare " in non-quoted-field`}},
		"not UTF-8":                {"a\n\xff\nx\n", []string{"3:x"}, []string{"line 2: is not UTF-8"}},
		"one column twice":         {"s_a,sA\n1,2\n", nil, []string{`line 2: column "sA" occurs twice`}},
		"a quote without an end":   {"a\n\"" + long + "\n", nil, []string{"line 2: the row is longer than 1048576 bytes; the rest was not read"}},
		"JSON Lines":               {"{\"a\":1}\n\n{\"a\":\"x\"}\n", []string{"1:1", "3:x"}, nil},
		"lines that are no object": {"{\"a\":1}\n[]\nnull\n{\"a\":\n{\"a\":2}", []string{"1:1", "5:2"}, []string{"line 2: is not a JSON object", "line 3: is not a JSON object", "line 4: is not a JSON object"}},
		"a line without an end":    {"{\"a\":1}\n{\"a\":\"" + long + "\"}\n", []string{"1:1"}, []string{"line 2: the row is longer than 1048576 bytes; the rest was not read"}},
		"an array":                 {"[{\"a\":1},\n {\"a\":2},\n\n{\n\"a\":\n3}\n]\n", []string{"1:1", "2:2", "4:3"}, nil},
		"an array that ends":       {"[{\"a\":1},\n{\"a\":2", []string{"1:1"}, []string{"line 1: the array is not valid JSON from here on; the rest was not read"}},
		"an array of other things": {"[1,\n{\"a\":2}]", []string{"2:2"}, []string{"line 1: is not a JSON object"}},
		"no end of an element":     {"[{\"a\":\"" + strings.Repeat(long, 2) + "\"}]", nil, []string{"line 1: the row is longer than 1048576 bytes; the rest was not read"}},
		"extended JSON":            {`{"a":{"$numberLong":"7"}}` + "\n" + `{"a":{"$date":{"$numberLong":"8"}}}` + "\n" + `{"a":{"$oid":"x"}}`, []string{"1:7", "2:8", "3:x"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, bad := read(t, c.content, "a")
			if name == "one column twice" {
				rows = nil
			}
			require.Equal(t, c.rows, rows)
			require.Equal(t, c.bad, bad)
		})
	}
}

// Reading ends when no more rows are wanted, or with the error of the file.
func TestReadEnds(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"a\n1\n2\n", "a\n1,2\n", `{"a":1}`, `{`, `[{"a":1}]`, `[{`, "[ "} {
		n := 0
		for range legacy.Read(strings.NewReader(content), time.UTC) {
			n++
			break
		}
		require.Equal(t, 1, n, content)
	}
	broken := errors.New("broken")
	for _, content := range []string{"a\n1\n", "{\"a\":1}\n", "[{\"a\":1},", ""} {
		var last error
		for _, err := range legacy.Read(io.MultiReader(strings.NewReader(content), brokenReader{broken}), time.UTC) {
			last = err
		}
		require.ErrorIs(t, last, broken, content)
	}
}

type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }

// rowOf returns the only row of a JSON object.
func rowOf(t testing.TB, object string) *legacy.Row {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for row, err := range legacy.Read(strings.NewReader(object), berlin) {
		require.NoError(t, err)
		return row
	}
	return nil
}

func TestTimes(t *testing.T) {
	t.Parallel()
	want := time.Date(2024, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, text := range []string{
		`"2024-03-01T09:00:00Z"`, `"2024-03-01T10:00:00+01:00"`, `"2024-03-01T09:00:00+0000"`, `"2024-03-01 10:00:00"`, `"2024-03-01T10:00:00"`,
		`"2024-03-01 10:00:00.000000"`, `1709283600`, `"1709283600000"`, `{"$date":"2024-03-01T09:00:00.000Z"}`, `{"$date":{"$numberLong":"1709283600000"}}`,
		`{"$date":1709283600000}`, `"2024-03-01 09:00:00 +0000"`,
	} {
		row := rowOf(t, `{"at":`+text+`}`)
		at := row.Time("at")
		require.NoError(t, row.Err(), text)
		require.Equal(t, want, *at, text)
	}
	for _, text := range []string{`"yesterday"`, `"0000-00-00 00:00:00"`, `true`, `[1]`, `{"$date":[]}`, `{"a":1}`, `"99999999999999999999"`} {
		row := rowOf(t, `{"at":`+text+`}`)
		require.Nil(t, row.Time("at"), text)
		require.ErrorContains(t, row.Err(), "at ", text)
	}
	require.Nil(t, rowOf(t, `{"at":null}`).Time("at", "other"))
	day := rowOf(t, `{"at":"2024-03-01"}`).Time("at")
	require.Equal(t, want.Add(-10*time.Hour), *day, "the day starts in the zone of the old system")
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{`7`: 7, `"7"`: 7, `" -3 "`: -3, `12.0`: 12, `"12.00"`: 12, `{"$numberInt":"4"}`: 4, `9223372036854775807`: 1<<63 - 1, `"2147483648"`: 1 << 31} {
		row := rowOf(t, `{"n":`+text+`}`)
		n := row.Int("n")
		require.NoError(t, row.Err(), text)
		require.Equal(t, want, *n, text)
	}
	for _, text := range []string{`1.5`, `"x"`, `1e3`, `9223372036854775808`, `[1]`, `true`} {
		row := rowOf(t, `{"n":`+text+`}`)
		require.Nil(t, row.Int("n"), text)
		require.Error(t, row.Err(), text)
	}
	for _, absent := range []string{`null`, `{"$numberLong":null}`} {
		row := rowOf(t, `{"n":`+absent+`}`)
		require.Nil(t, row.Int("n"), "absent is never 0")
		require.NoError(t, row.Err())
	}
}

// The kinds of legacy figures: a figure gets a kind only if the old table defines it.
func TestAccountReading(t *testing.T) {
	t.Parallel()
	a, err := rowOf(t, `{"s_account_id":7,"p_id":6,"account_id":11,"captured_at":0,"followers":1,"likes":2,"engagement":0,"reach":null,"postsCount":4}`).AccountReading()
	require.NoError(t, err)
	require.Equal(t, []domain.Figure{
		{Name: "followers", Kind: domain.Stock, Value: 1, Source: "tSAccountIns.followers"},
		{Name: "engagement", Kind: domain.Rolling, Value: 0, Source: "tSAccountIns.engagement", Window: "old_system"},
		{Name: "posts", Kind: domain.Stock, Value: 4, Source: "tSAccountIns.posts"},
		{Name: "likes", Kind: domain.Cumulative, Value: 2, Source: "tSAccountIns.likes"},
	}, a.Figures)
	require.Equal(t, legacy.Owner{Account: legacy.AccountRef{RowID: 11}, SocialAccount: 7, Platform: domain.TikTok}, a.Owner)
	a, err = rowOf(t, `{"sAccountId":7,"pId":1,"createdAt":0,"likes":2}`).AccountReading()
	require.NoError(t, err)
	require.Equal(t, domain.Rolling, a.Figures[0].Kind)
	_, err = rowOf(t, `{"sAccountId":0,"pId":1,"aType":9,"accountId":"x","createdAt":0,"likes":2}`).AccountReading()
	require.ErrorContains(t, err, "sAccountId is 0; IDs are positive")
	require.ErrorContains(t, err, "aType is 9")
	require.ErrorContains(t, err, `accountId "x" is neither`)
}

func TestMemberAuthShowsNoToken(t *testing.T) {
	t.Parallel()
	m, err := rowOf(t, `{"id":1,"memberId":2,"pId":1,"accessToken":"invented-token","refreshToken":"invented-other"}`).MemberAuth()
	require.NoError(t, err)
	require.Equal(t, "invented-token", string(m.AccessToken))
	require.Equal(t, "invented-other", string(m.RefreshToken))
	text, err := json.Marshal(m)
	require.NoError(t, err)
	require.NotContains(t, string(text), "invented")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.NotContains(t, fmt.Sprintf(verb, m), "invented", verb)
	}
	for _, column := range []string{"id", "memberId", "pId", "aType", "expiresAt", "createdAt"} {
		object := strings.Replace(`{"id":1,"memberId":2,"pId":1,"aType":1,"expiresAt":1,"createdAt":1}`, `"`+column+`":`, `"`+column+`":"invented-token","x":`, 1)
		_, err := rowOf(t, object).MemberAuth()
		require.ErrorContains(t, err, "(not shown)", column)
		require.NotContains(t, err.Error(), "invented", column)
	}
}
