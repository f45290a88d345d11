package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// size is what counts of one package, or of several.
type size struct{ files, lines, bytes, exported int }

func (s size) plus(o size) size {
	return size{s.files + o.files, s.lines + o.lines, s.bytes + o.bytes, s.exported + o.exported}
}

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	found, err := measure(os.DirFS(root))
	if err == nil {
		err = found.show(os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

// module is what is counted of a whole module.
type module struct {
	packages map[string]size // by folder
	tests    int             // lines
	commands int             // groups included
	settings map[string]bool // environment variables
	api      int             // operations of the API document
}

var (
	setting = regexp.MustCompile(`env:"(LEDGERBOARD_[A-Z0-9_]+)`)
	command = regexp.MustCompile(`cmd:""`)
)

// measure counts what a module has.
func measure(root fs.FS) (m module, err error) {
	m.packages, m.settings = map[string]size{}, map[string]bool{}
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (entry.Name() == "testdata" || entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, "_test.go") {
			m.tests += bytes.Count(source, []byte("\n"))
			return nil
		}
		one, err := measureFile(name, source)
		m.packages[path.Dir(name)] = m.packages[path.Dir(name)].plus(one)
		if strings.HasPrefix(name, "cmd/") {
			m.commands += len(command.FindAll(source, -1))
			for _, found := range setting.FindAllSubmatch(source, -1) {
				m.settings[string(found[1])] = true
			}
		}
		return err
	})
	if err != nil {
		return m, fmt.Errorf("measure: %w", err)
	}
	m.api, err = operations(root)
	return m, err
}

// operations counts those of the API document.
func operations(root fs.FS) (count int, err error) {
	raw, err := fs.ReadFile(root, "api/openapi.json")
	if err != nil {
		return 0, fmt.Errorf("count operations: %w", err)
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return 0, fmt.Errorf("count operations: %w", err)
	}
	for _, methods := range document.Paths {
		for method := range methods {
			if slices.Contains([]string{"get", "put", "post", "patch", "delete"}, method) {
				count++
			}
		}
	}
	return count, nil
}

func measureFile(name string, source []byte) (size, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
	if err != nil {
		return size{}, err
	}
	s := size{files: 1, lines: bytes.Count(source, []byte("\n")), bytes: len(source)}
	for _, declaration := range file.Decls {
		s.exported += exported(declaration)
	}
	return s, nil
}

// exported counts the names that other packages can use: functions, types, constants and variables, and
// methods of exported types. Fields do not count.
func exported(declaration ast.Decl) int {
	count := 0
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ofExportedType(d.Recv)) {
			count++
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					count++
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						count++
					}
				}
			}
		}
	}
	return count
}

func ofExportedType(receiver *ast.FieldList) bool {
	of := receiver.List[0].Type
	for {
		switch t := of.(type) {
		case *ast.StarExpr:
			of = t.X
		case *ast.IndexExpr: // of one type parameter
			of = t.X
		case *ast.IndexListExpr:
			of = t.X
		case *ast.Ident:
			return t.IsExported()
		default:
			return false
		}
	}
}

func (m module) show(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "files\tlines\tbytes\texported\t  package")
	dev := func(folder string) bool { return strings.HasPrefix(folder, "internal/dev/") }
	for _, group := range []struct {
		name string
		in   func(folder string) bool
	}{{"what serves", func(folder string) bool { return !dev(folder) }}, {"internal/dev", dev}} {
		var sum size
		folders := slices.DeleteFunc(slices.Collect(maps.Keys(m.packages)), func(folder string) bool { return !group.in(folder) })
		slices.SortFunc(folders, func(a, b string) int { return cmp.Or(m.packages[b].lines-m.packages[a].lines, strings.Compare(a, b)) })
		for _, folder := range folders {
			row(table, m.packages[folder], folder)
			sum = sum.plus(m.packages[folder])
		}
		row(table, sum, "= "+group.name)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d test lines, %d settings, %d commands, %d operations\n", m.tests, len(m.settings), m.commands, m.api)
	return err
}

func row(out io.Writer, s size, name string) {
	fmt.Fprintf(out, "%d\t%d\t%d\t%d\t  %s\n", s.files, s.lines, s.bytes, s.exported, name)
}
