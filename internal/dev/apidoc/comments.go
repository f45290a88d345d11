package apidoc

import (
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

// source reads what the module's own source says about its types. It reads a package when it is
// first asked.
type source struct {
	root  string
	read  map[string]bool     // folders of packages
	types map[string]declared // folder.Type
}

// declared is a type in the source.
type declared struct {
	text   string            // its comment
	fields map[string]string // comments of its fields
	values []any             // its constants
	listed string            // what the constants mean, as a list
}

const modulePath = "github.com/ledgerboard/ledgerboard/"

// constantsOf are types whose constants stand in another package, and what they are called there.
var constantsOf = map[string]struct{ dir, name string }{
	"internal/operator.State":        {"projections", "internal/operator.State"},
	"internal/operator.ParkedReason": {"projections/fold", "projections/fold.Reason"},
}

// of returns what the source says about a type; nothing of types outside the module.
func (s source) of(t reflect.Type) (declared, error) {
	dir, ours := strings.CutPrefix(t.PkgPath(), modulePath)
	if !ours {
		return declared{}, nil
	}
	if err := s.readPackage(dir); err != nil {
		return declared{}, err
	}
	d := s.types[dir+"."+t.Name()]
	if other, ok := constantsOf[dir+"."+t.Name()]; ok {
		if err := s.readPackage(other.dir); err != nil {
			return declared{}, err
		}
		constants := s.types[other.name]
		d.values, d.listed = constants.values, constants.listed
	}
	return d, nil
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
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse source: %w", err)
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
				if err := s.readPackage(pkg); err != nil { // whose own constants come first
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

// typeName is the folder of the package that declares a type, and the type's name. Of a type of
// another module the name is empty.
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

// readConstant notes the value of a constant with a type. The comment beside it says what it means;
// a number is known by its name.
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
		value, text = number, strings.ToLower(text+spec.Names[0].Name)
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

// markdown is a comment with paragraphs on one line each, and links to Go names as plain words.
func markdown(group *ast.CommentGroup) string {
	if group == nil {
		return ""
	}
	reader := &comment.Parser{LookupSym: func(string, string) bool { return true }}
	printer := &comment.Printer{TextWidth: -1}
	return placeholders.Replace(strings.TrimSpace(string(printer.Text(reader.Parse(group.Text())))))
}

// withoutName takes off the Go name that a type's comment begins with: "Total is one metric" is one
// metric.
func withoutName(name, text string) string {
	rest, ok := strings.CutPrefix(text, name+" ")
	if !ok {
		return text
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "is "), "are ")
	return strings.ToUpper(rest[:1]) + rest[1:]
}
