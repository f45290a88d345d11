package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// switchName is the variable of a woven package, and of the environment, that says which break is on; "": none.
const switchName = "brokenLine"

// switchFile is the file that a woven package has besides its own.
func switchFile(packageName string) string {
	return "package " + packageName + "\n\nimport \"os\"\n\nvar " + switchName + " = os.Getenv(\"" + switchName + "\")\n"
}

// weave puts mutations into a file so that one program has them all, each off until the switch names it: the function around the line
// begins with a branch that holds its broken body. The compiler names the break where that is wrong. Alone are those that cannot stand
// beside others.
func weave(text string, list []mutation) (woven string, alone []mutation, err error) {
	branches := map[int]string{} // by the offset that they stand at
	for _, m := range list {
		broken, line, err := m.breakLine(text)
		if err != nil {
			return "", nil, err
		}
		was, now := functionAt(text, line), functionAt(broken, line)
		if was.body == "" || was.head != now.head || was.labels {
			alone = append(alone, m)
			continue
		}
		branch := "\n//line " + strings.Replace(m.at, ":", "#", 1) + ":1\nif " + switchName + " == " + strconv.Quote(m.at) + " {" + now.body
		if !was.results {
			branch += "\nreturn"
		}
		branches[was.start] += branch + "\n}\n//line " + m.file + ":" + strconv.Itoa(was.line) + "\n"
	}
	for _, at := range slices.Backward(slices.Sorted(maps.Keys(branches))) {
		text = text[:at] + branches[at] + text[at:]
	}
	return text, alone, nil
}

// function is one of a file.
type function struct {
	head, body      string // the texts before and between its braces
	start, line     int    // offset of the body, and the line that it begins in
	results, labels bool
}

// functionAt finds the function that a line is of; the zero value: it is of none.
func functionAt(text string, line int) (f function) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", text, parser.SkipObjectResolution)
	if err != nil {
		return f // the break by itself shows what is wrong
	}
	for _, d := range file.Decls {
		of, is := d.(*ast.FuncDecl)
		if !is || of.Body == nil || line < set.Position(of.Pos()).Line || line > set.Position(of.Body.Rbrace).Line {
			continue
		}
		f.start, f.line = set.Position(of.Body.Lbrace).Offset+1, set.Position(of.Body.Lbrace).Line
		f.head, f.body = text[set.Position(of.Pos()).Offset:f.start], text[f.start:set.Position(of.Body.Rbrace).Offset]
		f.results = of.Type.Results != nil
		ast.Inspect(of.Body, func(n ast.Node) bool {
			_, is := n.(*ast.LabeledStmt)
			f.labels = f.labels || is
			return true
		})
	}
	return f
}
