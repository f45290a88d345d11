package apidoc

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// source provides the comments and constants of the types of this module. It parses a package when
// the package is first needed.
type source struct {
	root  string
	read  map[string]bool     // directories of the packages
	types map[string]declared // by directory.Type

	operations map[string]string // comments of the registrations in package api, by id
}

// declared is a type in the source.
type declared struct {
	text   string            // its comment
	fields map[string]string // comments of its fields
	values []any             // its constants
	listed string            // the meaning of the constants, as a Markdown list
}

const modulePath = "github.com/ledgerboard/ledgerboard/"

// of returns the declaration of a type. For types of other modules, it is empty.
func (s source) of(t reflect.Type) (declared, error) {
	dir, ours := strings.CutPrefix(t.PkgPath(), modulePath)
	if !ours {
		return declared{}, nil
	}
	if err := s.readPackage(dir); err != nil {
		return declared{}, err
	}
	return s.types[dir+"."+t.Name()], nil
}

func (s source) readPackage(dir string) error {
	if s.read[dir] {
		return nil
	}
	s.read[dir] = true
	names, err := filepath.Glob(filepath.Join(s.root, dir, "*.go"))
	if err != nil {
		return fmt.Errorf("list source: %w", err)
	}
	for _, name := range names {
		if err := s.readFile(dir, name); err != nil {
			return err
		}
	}
	return nil
}

func (s source) readFile(dir, name string) error {
	if strings.HasSuffix(name, "_test.go") {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse source: %w", err)
	}
	if dir == "api" {
		s.readOperations(files, file)
	}
	for _, declaration := range file.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range group.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				s.readType(dir, group, spec)
			case *ast.ValueSpec:
				pkg, of := typeName(dir, file, spec.Type)
				if err := s.readPackage(pkg); err != nil { // so that the constants declared there come first
					return err
				}
				s.readConstant(pkg+"."+of, spec)
			}
		}
	}
	return nil
}

func (s source) readType(dir string, group *ast.GenDecl, spec *ast.TypeSpec) {
	about := spec.Doc
	if about == nil {
		about = group.Doc
	}
	d := s.types[dir+"."+spec.Name.Name]
	d.text, d.fields = markdown(about), map[string]string{}
	if structure, ok := spec.Type.(*ast.StructType); ok {
		for _, field := range structure.Fields.List {
			for _, name := range field.Names {
				d.fields[name.Name] = strings.TrimSpace(markdown(field.Doc) + "\n\n" + markdown(field.Comment))
			}
		}
	}
	s.types[dir+"."+spec.Name.Name] = d
}

// typeName returns the directory of the package that declares a type, and the name of the type. For
// types of other modules, the name is empty.
func typeName(dir string, file *ast.File, e ast.Expr) (pkg, name string) {
	switch t := e.(type) {
	case *ast.Ident:
		return dir, t.Name
	case *ast.SelectorExpr:
		for _, imported := range file.Imports {
			of, ours := strings.CutPrefix(strings.Trim(imported.Path.Value, `"`), modulePath)
			if from, ok := t.X.(*ast.Ident); ok && ours && path.Base(of) == from.Name {
				return of, t.Sel.Name
			}
		}
	}
	return dir, ""
}

// readConstant stores the value of a typed constant and its comment. A number without a comment is
// described by the name of the constant.
func (s source) readConstant(of string, spec *ast.ValueSpec) {
	if len(spec.Values) != 1 {
		return
	}
	literal, ok := spec.Values[0].(*ast.BasicLit)
	if !ok {
		return
	}
	var value any
	text := markdown(spec.Comment)
	if number, err := strconv.Atoi(literal.Value); err == nil {
		value, text = number, cmp.Or(text, strings.ToLower(spec.Names[0].Name))
	} else if word, err := strconv.Unquote(literal.Value); err == nil {
		value = word
	}
	d := s.types[of]
	d.values = append(d.values, value)
	if text != "" {
		d.listed += fmt.Sprintf("\n- `%v`: %s", value, text)
	}
	s.types[of] = d
}

// markdown returns a comment with one line per paragraph, and with the names in doc links as plain
// text.
func markdown(group *ast.CommentGroup) string {
	if group == nil {
		return ""
	}
	reader := &comment.Parser{LookupSym: func(string, string) bool { return true }}
	printer := &comment.Printer{TextWidth: -1}
	return placeholders.Replace(strings.TrimSpace(string(printer.Text(reader.Parse(group.Text())))))
}

// withoutName removes the Go name at the start of a comment: "Total is one metric" becomes "One
// metric".
func withoutName(name, text string) string {
	rest, ok := strings.CutPrefix(text, name+" ")
	if !ok {
		return text
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "is "), "are ")
	return strings.ToUpper(rest[:1]) + rest[1:]
}

// sentence returns a text with a capital letter at the start and a period at the end.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	if last := text[len(text)-1]; last != '.' && !strings.HasSuffix(text, "…") {
		text += "."
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
