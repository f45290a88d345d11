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
	"path/filepath"
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
	sizes, err := measure(root)
	if err == nil {
		err = show(os.Stdout, sizes)
	}
	if err == nil {
		err = surface(os.Stdout, root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

// measure returns the sizes of the packages below root by their folders.
func measure(root string) (map[string]size, error) {
	sizes := map[string]size{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && (entry.Name() == "testdata" || entry.Name() == "node_modules" ||
			strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		folder, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		one, err := measureFile(name)
		sizes[filepath.ToSlash(folder)] = sizes[filepath.ToSlash(folder)].plus(one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("measure %s: %w", root, err)
	}
	return sizes, nil
}

func measureFile(name string) (size, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return size{}, err
	}
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

func show(out io.Writer, sizes map[string]size) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "files\tlines\tbytes\texported\t  package")
	dev := func(folder string) bool { return strings.HasPrefix(folder, "internal/dev/") }
	for _, group := range []struct {
		name string
		in   func(folder string) bool
	}{{"what serves", func(folder string) bool { return !dev(folder) }}, {"internal/dev", dev}} {
		var sum size
		folders := slices.DeleteFunc(slices.Collect(maps.Keys(sizes)), func(folder string) bool { return !group.in(folder) })
		slices.SortFunc(folders, func(a, b string) int { return cmp.Or(sizes[b].lines-sizes[a].lines, strings.Compare(a, b)) })
		for _, folder := range folders {
			row(table, sizes[folder], folder)
			sum = sum.plus(sizes[folder])
		}
		row(table, sum, "= "+group.name)
	}
	return table.Flush()
}

func row(out io.Writer, s size, name string) {
	fmt.Fprintf(out, "%d\t%d\t%d\t%d\t  %s\n", s.files, s.lines, s.bytes, s.exported, name)
}

var (
	setting = regexp.MustCompile(`env:"(LEDGERBOARD_[A-Z0-9_]+)`)
	command = regexp.MustCompile(`cmd:""`)
)

// surface prints what people can set, type and call, and how many lines test it: test lines, environment variables, commands
// (groups included) and operations of the API document.
func surface(out io.Writer, root string) error {
	tests, commands, settings := 0, 0, map[string]bool{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		source, err := read(name)
		switch {
		case strings.HasSuffix(name, "_test.go"):
			tests += bytes.Count(source, []byte("\n"))
		case strings.HasPrefix(filepath.ToSlash(name), filepath.ToSlash(filepath.Join(root, "cmd"))+"/"):
			commands += len(command.FindAll(source, -1))
			for _, found := range setting.FindAllSubmatch(source, -1) {
				settings[string(found[1])] = true
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("measure %s: %w", root, err)
	}
	raw, err := os.ReadFile(filepath.Join(root, "api", "openapi.json"))
	if err != nil {
		return fmt.Errorf("count operations: %w", err)
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return fmt.Errorf("count operations: %w", err)
	}
	operations := 0
	for _, path := range document.Paths {
		for method := range path {
			if slices.Contains([]string{"get", "put", "post", "patch", "delete"}, method) {
				operations++
			}
		}
	}
	fmt.Fprintf(out, "%d test lines, %d settings, %d commands, %d operations\n", tests, len(settings), commands, operations)
	return nil
}

func read(name string) ([]byte, error) { return os.ReadFile(name) }
