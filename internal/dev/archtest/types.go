package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// The bounds of a type: what is more is another type, or a plain function with explicit inputs.
const (
	MaxMethods = 40
	MaxFiles   = 6
)

// Type is a type of the module with its methods.
type Type struct {
	Name    string   // folder.Name
	Methods []string // of its own, in their order
	Files   []string // that hold them

	embeds []string // the types that it embeds, as folder.Name
	seam   bool     // an interface with methods, or a struct of functions
}

// Types returns the types of files, in the order of their names.
func Types(files []File, module string) []Type {
	found := map[string]*Type{}
	for _, file := range files {
		readTypes(found, file.Syntax, file.Name, module)
	}
	types := make([]Type, 0, len(found))
	for _, t := range found {
		types = append(types, *t)
	}
	slices.SortFunc(types, func(a, b Type) int { return strings.Compare(a.Name, b.Name) })
	return types
}

func readTypes(found map[string]*Type, file *ast.File, name, module string) {
	named := func(expr ast.Expr) string { return typeName(expr, file, path.Dir(name), module) }
	at := func(of string) *Type {
		if found[of] == nil {
			found[of] = &Type{Name: of}
		}
		return found[of]
	}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil {
				continue
			}
			t := at(named(decl.Recv.List[0].Type))
			t.Methods = append(t.Methods, decl.Name.Name)
			if !slices.Contains(t.Files, name) {
				t.Files = append(t.Files, name)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok {
					at(named(spec.Name)).read(spec.Type, named)
				}
			}
		}
	}
}

// read notes what a type is made of.
func (t *Type) read(expr ast.Expr, named func(ast.Expr) string) {
	var fields *ast.FieldList
	switch expr := expr.(type) {
	case *ast.InterfaceType:
		fields = expr.Methods
	case *ast.StructType:
		fields = expr.Fields
	default:
		return
	}
	var functions []string
	onlyThese := true
	for _, field := range fields.List {
		if len(field.Names) == 0 {
			t.embeds = append(t.embeds, named(field.Type))
			onlyThese = false
			continue
		}
		_, function := field.Type.(*ast.FuncType)
		onlyThese = onlyThese && function
		for _, name := range field.Names {
			functions = append(functions, name.Name)
		}
	}
	if _, is := expr.(*ast.InterfaceType); is {
		t.Methods, t.seam = functions, len(functions) > 0
		return
	}
	t.seam = onlyThese && len(functions) > 1
}

// typeName is the name of a type of the module as folder.Name; "" for others.
func typeName(expr ast.Expr, file *ast.File, folder, module string) string {
	switch expr := expr.(type) {
	case *ast.Ident:
		return folder + "." + expr.Name
	case *ast.StarExpr:
		return typeName(expr.X, file, folder, module)
	case *ast.IndexExpr:
		return typeName(expr.X, file, folder, module)
	case *ast.IndexListExpr:
		return typeName(expr.X, file, folder, module)
	case *ast.SelectorExpr:
		from, _ := expr.X.(*ast.Ident)
		for _, spec := range file.Imports {
			imported, ofModule := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/")
			if from != nil && ofModule && (spec.Name == nil && path.Base(imported) == from.Name || spec.Name != nil && spec.Name.Name == from.Name) {
				return imported + "." + expr.Sel.Name
			}
		}
	}
	return ""
}

// Wide returns a sentence for each type that is beyond the bounds.
func Wide(types []Type) []string {
	var wide []string
	for _, t := range types {
		if !t.seam && (len(t.Methods) > MaxMethods || len(t.Files) > MaxFiles) {
			wide = append(wide, fmt.Sprintf("%s has %d methods in %d files: a type has at most %d, in at most %d",
				t.Name, len(t.Methods), len(t.Files), MaxMethods, MaxFiles))
		}
	}
	return wide
}

// Seams returns the interfaces that at most one type of the module implements, and the structs of functions, which are
// interfaces by another name.
func Seams(types []Type) []string {
	byName := map[string]Type{}
	for _, t := range types {
		byName[t.Name] = t
	}
	var seams []string
	for _, seam := range types {
		if !seam.seam {
			continue
		}
		wanted, implementers := methodsOf(seam, byName), 0
		for _, t := range types {
			has := methodsOf(t, byName)
			lacks := func(name string) bool { return !slices.Contains(has, name) }
			if !t.seam && len(wanted) > 0 && !slices.ContainsFunc(wanted, lacks) {
				implementers++
			}
		}
		if implementers < 2 {
			seams = append(seams, seam.Name)
		}
	}
	return seams
}

// methodsOf are a type's methods, those of types that it embeds among them. A struct that embeds an interface does not
// implement it.
func methodsOf(t Type, byName map[string]Type) []string {
	all := slices.Clone(t.Methods)
	for _, name := range t.embeds {
		if embedded := byName[name]; embedded.seam == t.seam && embedded.Name != t.Name {
			all = append(all, methodsOf(embedded, byName)...)
		}
	}
	return all
}
