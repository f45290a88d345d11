package api

import (
	"embed"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

//go:embed *.go
var source embed.FS

// comments are what the program's own source says about the types in its answers. The program carries
// that source, so that what is documented is what was compiled.
type comments struct {
	types     map[string]string // package path.Type
	fields    map[string]string // package path.Type.Field
	methods   map[string]string // package path.Type.Method
	values    map[string][]any  // package path.Type: its constants
	described map[string]string // package path.Type: what its constants mean

	members map[string]map[string]string // Type → Field → the member's name in JSON
}

// sourceComments reads them once: the source of a program does not change.
var sourceComments = sync.OnceValues(readComments)

const modulePath = "github.com/ledgerboard/ledgerboard/"

func readComments() (comments, error) {
	c := comments{
		types: map[string]string{}, fields: map[string]string{}, methods: map[string]string{},
		values: map[string][]any{}, described: map[string]string{}, members: map[string]map[string]string{},
	}
	for _, p := range []struct {
		name  string
		files embed.FS
	}{{"domain", domain.GoFiles}, {"readmodels", readmodels.GoFiles}, {"readmodels/analytics", analytics.GoFiles}, {"api", source}} {
		if err := c.read(modulePath+p.name, p.files); err != nil {
			return comments{}, err
		}
	}
	return c, nil
}

func (c comments) read(path string, files fs.FS) error {
	names, err := fs.Glob(files, "*.go")
	if err != nil {
		return fmt.Errorf("list source of %s: %w", path, err)
	}
	set := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("read source of %s: %w", path, err)
		}
		file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("parse source of %s: %w", path, err)
		}
		for _, declaration := range file.Decls {
			c.declaration(path, declaration)
		}
	}
	return nil
}

func (c comments) declaration(path string, declaration ast.Decl) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil {
			c.methods[path+"."+receiver(d.Recv.List[0].Type)+"."+d.Name.Name] = sentences(d.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				c.typeSpec(path, d, s)
			case *ast.ValueSpec:
				c.constant(path, s)
			}
		}
	}
}

func receiver(e ast.Expr) string {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if name, ok := e.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

func (c comments) typeSpec(path string, d *ast.GenDecl, s *ast.TypeSpec) {
	about := s.Doc
	if about == nil {
		about = d.Doc
	}
	c.types[path+"."+s.Name.Name] = sentences(about)
	structure, ok := s.Type.(*ast.StructType)
	if !ok {
		return
	}
	if c.members[s.Name.Name] == nil {
		c.members[s.Name.Name] = map[string]string{}
	}
	for _, field := range structure.Fields.List {
		for _, name := range field.Names {
			if member := memberName(field); member != "" {
				c.members[s.Name.Name][name.Name] = member
			}
		}
		text := strings.TrimSpace(sentences(field.Doc) + "\n\n" + sentences(field.Comment))
		for _, name := range field.Names {
			c.fields[path+"."+s.Name.Name+"."+name.Name] = text
		}
	}
}

// constant notes the value of a constant with a type of its own.
func (c comments) constant(path string, s *ast.ValueSpec) {
	key := ""
	switch t := s.Type.(type) {
	case *ast.Ident:
		key = path + "." + t.Name
	case *ast.SelectorExpr: // of another package: package and directory have one name here
		if in, ok := t.X.(*ast.Ident); ok {
			key = modulePath + in.Name + "." + t.Sel.Name
		}
	}
	if key == "" || len(s.Values) != 1 {
		return
	}
	literal, ok := s.Values[0].(*ast.BasicLit)
	if !ok {
		return
	}
	text := sentences(s.Comment)
	switch literal.Kind { //nolint:exhaustive // other constants are of no type in an answer
	case token.STRING:
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			return
		}
		c.values[key] = append(c.values[key], value)
		c.describe(key, value, text)
	case token.INT:
		value, err := strconv.Atoi(literal.Value)
		if err != nil {
			return
		}
		c.values[key] = append(c.values[key], value)
		c.describe(key, literal.Value, strings.ToLower(text+s.Names[0].Name))
	}
}

func (c comments) describe(key, value, text string) {
	if text != "" {
		c.described[key] += "\n- `" + value + "`: " + text
	}
}

func (c comments) ofType(t reflect.Type) string {
	return c.inJSON(t.Name(), withoutName(t, c.types[t.PkgPath()+"."+t.Name()]))
}

var isOrAre = regexp.MustCompile(`^(?:is|are) `)

// withoutName leaves out of a type's comment what Go wants there and nobody else: "Total is one metric" is one
// metric.
func withoutName(t reflect.Type, text string) string {
	rest, ok := strings.CutPrefix(text, t.Name()+" ")
	if rest = isOrAre.ReplaceAllString(rest, ""); !ok || rest == "" {
		return text
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}

// constants are the values of a type and what each means.
func (c comments) constants(t reflect.Type) (values []any, text string) {
	key := t.PkgPath() + "." + t.Name()
	what, _, more := strings.Cut(withoutName(t, c.types[key]), ". ") // what follows is for who writes the program
	if more {
		what += "."
	}
	return append([]any{}, c.values[key]...), c.inJSON("", strings.TrimSpace(what+"\n"+c.described[key]))
}

func (c comments) ofField(t reflect.Type, field string) string {
	return c.inJSON(t.Name(), c.fields[t.PkgPath()+"."+t.Name()+"."+field])
}

func (c comments) ofQuery(method string) string {
	return c.inJSON("", c.methods[modulePath+"readmodels/analytics.Analytics."+method])
}

var docLink = regexp.MustCompile(`\[([A-Z]\w*(?:\.\w+)*)\]`)

// sentences is a comment as Markdown: paragraphs without line breaks, references without brackets.
func sentences(group *ast.CommentGroup) string {
	if group == nil {
		return ""
	}
	parsed := new(comment.Parser).Parse(group.Text())
	printer := &comment.Printer{TextWidth: -1}
	text := strings.TrimSpace(string(printer.Text(parsed)))
	return docLink.ReplaceAllString(text, "$1")
}
