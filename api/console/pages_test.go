package console_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/ledgerboard/ledgerboard/api/console"
)

// markup is a text for every string in a view.
const markup = `<b onclick="alert(1)">"O'Neill" & Söhne</b>`

// Every template belongs to a page, and every view can be rendered, empty and filled.
func TestEveryPageWithEveryView(t *testing.T) {
	t.Parallel()
	rendered := map[string]bool{}
	for pattern, views := range newStage(t).console.Views() {
		for _, v := range views {
			name := console.TemplateOf(v)
			rendered[name] = true
			full := reflect.New(reflect.TypeOf(v)).Elem()
			fill(full, 0)
			filled, ok := reflect.TypeAssert[console.View](full)
			require.True(t, ok)
			for state, view := range map[string]console.View{"empty": v, "filled": filled} {
				page, err := console.Execute(view)
				require.NoError(t, err, "%s, %s, %s", pattern, name, state)
				requireClean(t, string(page))
			}
		}
	}
	for _, name := range console.Templates() {
		require.True(t, rendered[name], "pages/%s.html is of no page's views", name)
	}
}

// requireClean finds violations of the content security policy, unescaped texts and accessibility
// errors.
func requireClean(t *testing.T, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	headings := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		require.NotEqual(t, "style", n.Data)
		if n.Data == "h1" {
			headings++
		}
		for _, a := range n.Attr {
			require.False(t, a.Key == "style" || strings.HasPrefix(a.Key, "on"), "<%s %s>", n.Data, a.Key)
			toPlatform := n.Data == "a" && attribute(n, "rel") == "noreferrer" && strings.HasPrefix(a.Val, "https://")
			if slices.Contains([]string{"href", "src", "action"}, a.Key) && n.Namespace == "" && !toPlatform {
				require.False(t, strings.Contains(a.Val, "://") || strings.HasPrefix(a.Val, "//"), "<%s> leads to %s", n.Data, a.Val)
				require.NotContains(t, a.Val, "ZgotmplZ", "<%s>", n.Data)
			}
		}
		if n.Data == "table" && hasClass(n, "rows") { // on phones its cells are stacked without a head
			for cell := range n.Descendants() {
				require.False(t, cell.Data == "td" && cell.Type == html.ElementNode && attribute(cell, "data-label") == "", "a cell of a table of rows has no label")
			}
		}
		if n.Data == "script" {
			require.Nil(t, n.FirstChild, "a script inside of the page")
		}
	}
	require.Equal(t, 1, headings)
}

func hasClass(n *html.Node, class string) bool {
	return slices.Contains(strings.Fields(attribute(n, "class")), class)
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// fill sets every field in v to a value, and lists to two elements.
func fill(v reflect.Value, depth int) {
	if depth > 12 {
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 10, 1, 12, 30, 0, 0, time.UTC)))
		return
	case !v.CanSet():
		return
	}
	switch v.Kind() { //nolint:exhaustive // views contain no other kinds
	case reflect.String:
		v.SetString(markup)
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16:
		v.SetInt(3)
	case reflect.Float64:
		v.SetFloat(2.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), depth+1)
		fill(v.Index(1), depth+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field, depth+1)
		}
	}
}

// cells returns the first lines of the cells of a page's matrix.
func cells(t *testing.T, page string) (rows [][]string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for n := range root.Descendants() {
		switch {
		case n.Data == "tr":
			rows = append(rows, nil)
		case n.Type == html.ElementNode && (n.Data == "td" || n.Data == "th"):
			first := ""
			for text := range n.Descendants() {
				trimmed := strings.TrimSpace(text.Data)
				if strings.HasPrefix(trimmed, "by ") {
					break
				}
				if text.Type == html.TextNode && trimmed != "" {
					first += trimmed + " "
				}
			}
			rows[len(rows)-1] = append(rows[len(rows)-1], strings.TrimSpace(first))
		}
	}
	return rows
}

// Pages, styles and scripts are compressed for clients that accept gzip.
func TestPagesAreCompressed(t *testing.T) {
	t.Parallel()
	b := newStage(t).signedIn("auditor")
	compressed := 0
	for _, at := range append(console.Assets(), "/console/sessions", "/console/nowhere") {
		plain := b.get(at)
		require.Empty(t, plain.Header().Get("Content-Encoding"), at)
		if plain.Body.Len() < 1024 {
			continue // too small to compress
		}
		compressed++
		answer := b.send(http.MethodGet, at, nil, func(r *http.Request) {
			r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
		})
		require.Equal(t, plain.Code, answer.Code, at)
		require.Equal(t, plain.Header().Get("Content-Type"), answer.Header().Get("Content-Type"), at)
		require.Contains(t, answer.Header().Values("Vary"), "Accept-Encoding", at)
		require.Less(t, answer.Body.Len(), plain.Body.Len(), at)
		unpacked, err := gzip.NewReader(answer.Body)
		require.NoError(t, err, at)
		require.NotEmpty(t, unpacked.Comment, "without a jitter its length would tell what it says")
		text, err := io.ReadAll(unpacked)
		require.NoError(t, err, at)
		require.Equal(t, plain.Body.String(), string(text), at)
	}
	require.Greater(t, compressed, 5)
}
