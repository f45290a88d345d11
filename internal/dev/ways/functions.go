package main

import (
	"bufio"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is what the import paths of our packages begin with.
const module = "github.com/ledgerboard/ledgerboard/"

// functionsOf returns the functions that ran, by file and line, from the counters of a process.
func functionsOf(ctx context.Context, counters string) (map[string]bool, error) {
	profile := filepath.Join(counters, "profile")
	if said, err := exec.CommandContext(ctx, "go", "tool", "covdata", "textfmt", "-i="+counters, "-o="+profile).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("read counters: %w: %s", err, said)
	}
	in, err := os.Open(profile)
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	defer in.Close()
	ran, files := make(map[string]bool), make(map[string][]function)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		path, rest, ok := strings.Cut(strings.TrimPrefix(lines.Text(), module), ":")
		var line, column, endLine, endColumn, statements, count int
		if !ok || strings.HasPrefix(path, "internal/dev/") || path == "mode" {
			continue
		}
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &line, &column, &endLine, &endColumn, &statements, &count); err != nil {
			return nil, fmt.Errorf("read counters: %q: %w", lines.Text(), err)
		}
		if count == 0 {
			continue
		}
		if _, ok := files[path]; !ok {
			if files[path], err = functionsIn(path); err != nil {
				return nil, err
			}
		}
		if f := innermost(files[path], position{line, column}); f.name != "" {
			ran[f.name] = true
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	return ran, nil
}

type position struct{ line, column int }

func (p position) before(o position) bool {
	return p.line < o.line || p.line == o.line && p.column < o.column
}

// function is one with a name or a literal.
type function struct {
	name       string // path:line and its name, if it has one
	start, end position
}

func functionsIn(path string) ([]function, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	var found []function
	add := func(n ast.Node, name string) {
		start, end := set.Position(n.Pos()), set.Position(n.End())
		found = append(found, function{
			name:  strings.TrimSpace(fmt.Sprintf("%s:%d %s", path, start.Line, name)),
			start: position{start.Line, start.Column}, end: position{end.Line, end.Column},
		})
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			add(n, n.Name.Name)
		case *ast.FuncLit:
			add(n, "")
		}
		return true
	})
	return found, nil
}

// innermost returns the function that begins last of those around the position; none: a zero one.
func innermost(functions []function, at position) (found function) {
	for _, f := range functions {
		if !at.before(f.start) && at.before(f.end) && !f.start.before(found.start) {
			found = f
		}
	}
	return found
}
