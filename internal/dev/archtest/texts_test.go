package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wholeTexts are the functions of packages strings and bytes that do not look into a text. All others
// read a text or change a part of it, as do the methods of a regular expression.
var (
	wholeTexts  = []string{"Join", "Repeat", "ToLower", "ToUpper", "TrimSpace", "ToValidUTF8", "NewReader", "Clone"}
	expressions = regexp.MustCompile(`^(Match|Find|ReplaceAll)(All)?(String|Bytes)?(Submatch)?(Index|Func)?$`)
)

// inSQL finds statements that look into a reason, a state, a note or a message.
var inSQL = regexp.MustCompile(`(?i)(\w*(reason|state|status|note|message|text|words|problem|detail|error)'?\)? (not )?(i?like|similar to|!?~\*?) ` +
	`|(split_part|strpos|position|starts_with|regexp_\w+|substring)\((\w+\.)?(reason|state|status|note|message|text|words|problem|detail|error)\b)`)

// spoken are the names of values that hold a reason, a state, a note or a message. A local "text"
// may be anything.
var spoken = regexp.MustCompile(`^([Rr]easons?|[Ww]hy|[Ss]tate|[Ss]tatus|[Nn]otes?|[Mm]essage|Text|[Ss]ays|[Ww]ords|[Pp]roblem|[Dd]etail|[Ww]aits|Error)$`)

// foreignTexts are the functions that read a text of someone else or a code with parts, and whose.
var foreignTexts = map[string]string{
	"cmd/ledgerboard/client.go print":           "lines of a signed note",
	"internal/embedded/postgres.go launch":      "messages of PostgreSQL's programs, which have no codes",
	"internal/platforms/error_rules.go in":      "messages of Meta, which have a meaning that no code has",
	"internal/platforms/linkedin_posts.go post": "a state of LinkedIn",
	"projections/write/table.go copied":         "the type of a column",
	"projections/write/table.go declare":        "the type of a column",
}

// textReaders lists the calls in a file that read a reason, a state, a note or a message, each with
// its function.
func textReaders(file *ast.File) (found []string) {
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		add := func(format string, args ...any) { found = append(found, f.Name.Name+": "+fmt.Sprintf(format, args...)) }
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				for _, arg := range n.Args {
					if name := nameIn(arg); readsText(n) && spoken.MatchString(name) {
						add("%s(%s)", n.Fun.(*ast.SelectorExpr).Sel.Name, name)
					}
				}
			case *ast.BinaryExpr:
				for _, side := range []ast.Expr{n.X, n.Y} {
					if n.Op == token.EQL || n.Op == token.NEQ {
						addSentence(add, side)
					}
				}
			case *ast.CaseClause:
				for _, value := range n.List {
					addSentence(add, value)
				}
			case *ast.BasicLit:
				for _, looks := range inSQL.FindAllString(n.Value, -1) {
					add("SQL %s", looks)
				}
			}
			return true
		})
	}
	return found
}

// addSentence adds a text of several words that another is compared with.
func addSentence(add func(string, ...any), compared ast.Expr) {
	if text, ok := compared.(*ast.BasicLit); ok && text.Kind == token.STRING && strings.Contains(text.Value, " ") {
		add("compares with %s", text.Value)
	}
}

func readsText(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := f.X.(*ast.Ident)
	if ok && (pkg.Name == "strings" || pkg.Name == "bytes") {
		return !slices.Contains(wholeTexts, f.Sel.Name)
	}
	return expressions.MatchString(f.Sel.Name)
}

// nameIn returns the name of a value, also inside a conversion or a call such as strings.ToLower.
func nameIn(arg ast.Expr) string {
	switch e := arg.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.CallExpr:
		if len(e.Args) == 1 {
			return nameIn(e.Args[0])
		}
	}
	return ""
}

// No code reads a sentence that this program wrote: reasons, states and outcomes are codes until a
// person reads them.
func TestNoCodeComparesOwnSentences(t *testing.T) {
	t.Parallel()
	unused := maps.Clone(foreignTexts)
	for _, file := range files(t) {
		if strings.HasPrefix(file.name, "internal/dev/") || file.isTest() {
			continue
		}
		for _, call := range textReaders(file.syntax) {
			function, _, _ := strings.Cut(call, ":")
			place := file.name + " " + function
			if foreignTexts[place] == "" {
				t.Errorf("%s: %s: use a code, or list it with the source of the text", file.name, call)
			}
			delete(unused, place)
		}
	}
	require.Empty(t, unused, "these no longer read a text")
}

func TestPlantedSentenceComparisonIsFound(t *testing.T) {
	t.Parallel()
	planted := plant(t, map[string]string{"x.go": `
func f(s Source, reason string) bool {
	switch reason {
	case "paused", "no one signed in":
	}
	_ = "select 1 where f.reason ->> 'text' like 'x%' or split_part(s.state, ':', 1) = s.name"
	return strings.HasSuffix(string(s.Reason), "erased") || strings.Contains(strings.ToLower(reason), "x") || strings.Contains(s.Name, "y") ||
		ended.MatchString(s.Text) || s.Text == "It was erased." || len(strings.Fields(reason)) > 1 || s.Text == "" || strings.TrimSpace(reason) == "x"
}`})
	require.ElementsMatch(t, []string{
		"f: HasSuffix(Reason)", "f: Contains(reason)", "f: MatchString(Text)", "f: Fields(reason)",
		`f: compares with "It was erased."`, `f: compares with "no one signed in"`, "f: SQL text' like ", "f: SQL split_part(s.state",
	}, textReaders(planted[0].syntax))
}
