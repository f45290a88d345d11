package archtest

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The bounds of a type: what is more is another type, or a plain function with explicit inputs.
const (
	maxMethods = 40
	maxFiles   = 6
)

// typed is a type of the module with its methods. Only their names count: types are not checked, so that
// the tests are fast.
type typed struct {
	methods []string        // of its own, in their order
	files   map[string]bool // that hold them
	embeds  []string        // the types that it embeds
	seam    bool            // an interface with methods, or a struct of functions
}

// typesOf returns the types of files that are no tests, by their names as folder.Name.
func typesOf(files []source) map[string]*typed {
	found := map[string]*typed{}
	at := func(name string) *typed {
		if found[name] == nil {
			found[name] = &typed{files: map[string]bool{}}
		}
		return found[name]
	}
	for _, file := range files {
		if file.isTest() {
			continue
		}
		ast.Inspect(file.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv != nil {
					t := at(file.typeName(n.Recv.List[0].Type))
					t.methods, t.files[file.name] = append(t.methods, n.Name.Name), true
				}
				return false
			case *ast.TypeSpec:
				at(file.typeName(n.Name)).read(n.Type, file)
			}
			return true
		})
	}
	return found
}

// read notes what a type is made of.
func (t *typed) read(expr ast.Expr, file source) {
	fields, isInterface := &ast.FieldList{}, false
	switch expr := expr.(type) {
	case *ast.InterfaceType:
		fields, isInterface = expr.Methods, true
	case *ast.StructType:
		fields = expr.Fields
	}
	var names []string
	onlyFunctions := true
	for _, field := range fields.List {
		_, function := field.Type.(*ast.FuncType)
		onlyFunctions = onlyFunctions && function
		if len(field.Names) == 0 {
			t.embeds = append(t.embeds, file.typeName(field.Type))
		}
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	if isInterface {
		t.methods, t.seam = names, len(names) > 0
	} else {
		t.seam = onlyFunctions && len(names) > 1
	}
}

// typeName is the name of a type of the module as folder.Name; "" for others.
func (s source) typeName(expr ast.Expr) string {
	switch expr := expr.(type) {
	case *ast.Ident:
		return s.folder() + "." + expr.Name
	case *ast.StarExpr:
		return s.typeName(expr.X)
	case *ast.IndexExpr:
		return s.typeName(expr.X)
	case *ast.IndexListExpr:
		return s.typeName(expr.X)
	case *ast.SelectorExpr:
		for _, spec := range s.syntax.Imports {
			from, ofModule := imported(spec)
			as := path.Base(from)
			if spec.Name != nil {
				as = spec.Name.Name
			}
			if pkg, ok := expr.X.(*ast.Ident); ok && ofModule && pkg.Name == as {
				return from + "." + expr.Sel.Name
			}
		}
	}
	return ""
}

// wide returns what is beyond the bounds of each type.
func wide(types map[string]*typed) map[string]string {
	found := map[string]string{}
	for name, t := range types {
		if !t.seam && (len(t.methods) > maxMethods || len(t.files) > maxFiles) {
			found[name] = fmt.Sprintf("%d methods in %d files: a type has at most %d, in at most %d",
				len(t.methods), len(t.files), maxMethods, maxFiles)
		}
	}
	return found
}

// seams returns the interfaces that at most one type of the module implements, and the structs of
// functions, which are interfaces by another name.
func seams(types map[string]*typed) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if !types[name].seam {
			continue
		}
		wanted, implementers := methodsOf(types, name), 0
		for other, t := range types {
			has := methodsOf(types, other)
			lacks := func(method string) bool { return !slices.Contains(has, method) }
			if !t.seam && len(wanted) > 0 && !slices.ContainsFunc(wanted, lacks) {
				implementers++
			}
		}
		if implementers < 2 {
			names = append(names, name)
		}
	}
	return names
}

// methodsOf are a type's methods, those of types that it embeds among them. A struct that embeds an
// interface does not implement it.
func methodsOf(types map[string]*typed, name string) []string {
	all := slices.Clone(types[name].methods)
	for _, embedded := range types[name].embeds {
		if t := types[embedded]; t != nil && t.seam == types[name].seam && embedded != name {
			all = append(all, methodsOf(types, embedded)...)
		}
	}
	return all
}

// stillWide are the types that are yet to be narrowed. The list only shrinks.
var stillWide = []string{"internal/dev/demo.World", "internal/dev/simulator.Server", "internal/dev/simulator.request"}

func TestTypesHaveLimitedMethods(t *testing.T) {
	t.Parallel()
	found := wide(typesOf(files(t)))
	require.ElementsMatch(t, stillWide, slices.Collect(maps.Keys(found)), "%v; take out of stillWide what is narrow", found)
}

func TestInterfacesHaveTwoImplementations(t *testing.T) {
	t.Parallel()
	require.ElementsMatch(t, slices.Collect(maps.Keys(Boundaries())), seams(typesOf(files(t))),
		"use the one implementation of an interface, or a function; if a rule forces it, name it in Boundaries, else take it out")
}

func TestPlantedTypesAreReported(t *testing.T) {
	t.Parallel()
	const two = "type reader interface { Read() }\ntype one struct{}\nfunc (one) Read() {}\n"
	methods := func(receiver string, n int) (text string) {
		for i := range n {
			text += fmt.Sprintf("func (%s) m%d() {}\n", receiver, i)
		}
		return text
	}
	spread := func(files int) map[string]string {
		planted := map[string]string{"a/t.go": "type t[K, V any] struct{}\n"}
		for i := range files {
			planted[fmt.Sprintf("a/f%d.go", i)] = methods("x *t[K, V]", 1)
		}
		return planted
	}
	for name, c := range map[string]struct {
		files       map[string]string
		seams, wide []string
	}{
		"one implementation":  {map[string]string{"a/x.go": two}, []string{"a.reader"}, nil},
		"two implementations": {map[string]string{"a/x.go": two, "b/y.go": "type other struct{}\nfunc (*other) Read() {}\n"}, nil, nil},
		"the second only embeds the interface": {
			map[string]string{"a/x.go": two, "b/y.go": "import \"" + module + "/a\"\ntype fake struct{ a.reader }\n"}, []string{"a.reader"}, nil,
		},
		"the second embeds the first": {
			map[string]string{"a/x.go": two, "b/y.go": "import \"" + module + "/a\"\ntype more struct{ *a.one }\n"}, nil, nil,
		},
		"the second is of tests": {
			map[string]string{"a/x.go": two, "a/x_test.go": "type f struct{}\nfunc (f) Read() {}\n"}, []string{"a.reader"}, nil,
		},
		"a struct of functions": {map[string]string{"a/x.go": "type calls struct { read func(); write func() }\n"}, []string{"a.calls"}, nil},
		"functions among other": {map[string]string{"a/x.go": "type config struct { now func(); name string }\n"}, nil, nil},
		"the empty interface":   {map[string]string{"a/x.go": "type anything interface{}\n"}, nil, nil},
		"a constraint":          {map[string]string{"a/x.go": "type number interface{ ~int | ~int64 }\n"}, nil, nil},
		"an interface that embeds": {
			map[string]string{"a/x.go": two + "type both interface { reader; Write() }\n"}, []string{"a.both", "a.reader"}, nil,
		},
		"forty methods":     {map[string]string{"a/t.go": "type t int\n" + methods("t", maxMethods)}, nil, nil},
		"forty-one methods": {map[string]string{"a/t.go": "type t int\n" + methods("t", maxMethods+1)}, nil, []string{"a.t"}},
		"six files":         {spread(maxFiles), nil, nil},
		"seven files":       {spread(maxFiles + 1), nil, []string{"a.t"}},
		"methods of two packages, and of tests": {map[string]string{
			"a/t.go": "type t int\n" + methods("t", 30), "b/t.go": "type t int\n" + methods("t", 30), "a/t_test.go": methods("t", 30),
		}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			types := typesOf(plant(t, c.files))
			require.Equal(t, c.seams, seams(types))
			require.Equal(t, c.wide, slices.Sorted(maps.Keys(wide(types))))
		})
	}
}
