package archtest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readers of texts are the functions of package strings that read or change a part of a text.
var readers = []string{
	"Contains", "ContainsAny", "HasPrefix", "HasSuffix", "Cut", "CutPrefix", "CutSuffix", "EqualFold", "Index", "Replace",
	"ReplaceAll", "NewReplacer", "Split", "TrimPrefix", "TrimSuffix",
}

// spoken are the names of values that hold a reason, a state, a note or a message. A local "text"
// may be anything.
var spoken = regexp.MustCompile(`^([Rr]easons?|[Ww]hy|[Ss]tate|[Ss]tatus|[Nn]otes?|[Mm]essage|Text|[Ss]ays|[Ww]ords|[Pp]roblem|[Dd]etail|[Ww]aits|Error)$`)

// foreignTexts are the functions that read a text of someone else or a code with parts, and whose.
var foreignTexts = map[string]string{
	"internal/embedded/postgres.go launch":      "messages of PostgreSQL's programs, which have no codes",
	"internal/operator/action.go ReasonWords":   "an operator's reason, CODE:TICKET",
	"internal/platforms/error_rules.go in":      "messages of Meta, which have a meaning that no code has",
	"internal/platforms/linkedin_posts.go post": "a state of LinkedIn",
	"internal/stream/serve.go RetryLater":       "line ends, for a comment in a stream",
}

// textReaders lists the calls in a file that read a reason, a state, a note or a message, each with
// its function.
func textReaders(file *ast.File) (found []string) {
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !readsText(call) {
				return true
			}
			for _, arg := range call.Args {
				if name := nameIn(arg); spoken.MatchString(name) {
					found = append(found, fmt.Sprintf("%s: strings.%s(%s)", f.Name.Name, call.Fun.(*ast.SelectorExpr).Sel.Name, name))
				}
			}
			return true
		})
	}
	return found
}

func readsText(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := f.X.(*ast.Ident)
	return ok && (pkg.Name == "strings" || pkg.Name == "bytes") && slices.Contains(readers, f.Sel.Name)
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
func TestNoCodeReadsOurSentences(t *testing.T) {
	t.Parallel()
	unused := map[string]bool{}
	for name := range foreignTexts {
		unused[name] = true
	}
	top := root(t)
	err := filepath.WalkDir(top, func(name string, entry fs.DirEntry, err error) error {
		path := filepath.ToSlash(strings.TrimPrefix(name, top+string(filepath.Separator)))
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == "internal/dev" || strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		for _, call := range textReaders(file) {
			function, _, _ := strings.Cut(call, ":")
			place := path + " " + function
			if _, allowed := foreignTexts[place]; allowed {
				delete(unused, place)
				continue
			}
			t.Errorf("%s: %s: use a code, or list it with the source of the text", path, call)
		}
		return nil
	})
	require.NoError(t, err)
	require.Empty(t, unused, "these no longer read a text")
}

func TestAReaderOfASentenceIsFound(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "planted.go", `package planted
func f(s Source, reason string) bool {
	return strings.HasSuffix(string(s.Reason), "erased") || strings.Contains(strings.ToLower(reason), "x") || strings.Contains(s.Name, "y")
}`, 0)
	require.NoError(t, err)
	require.Equal(t, []string{"f: strings.HasSuffix(Reason)", "f: strings.Contains(reason)"}, textReaders(file))
}
