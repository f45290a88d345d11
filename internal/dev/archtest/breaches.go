package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// Breaches returns a sentence for each way in which a package gets what a rule forbids it.
func Breaches(imports []Import, rules []Rule, testSupport []string) []string {
	g := make(graph)
	for _, i := range imports {
		g[i.Package] = append(g[i.Package], i)
	}
	var breaches []string
	for _, i := range imports {
		if !belowAny(i.Package, testSupport) && belowAny(i.Path, testSupport) {
			breaches = append(breaches, fmt.Sprintf("%s imports %s, which is for tests", i.File, i.Path))
		}
	}
	for _, p := range g.packages() {
		for _, rule := range rules {
			if below(p, rule.Package) && !belowAny(p, rule.Except) && !belowAny(p, testSupport) {
				breaches = append(breaches, g.search(p, rule)...)
			}
		}
	}
	return breaches
}

// graph is the imports of each package of the module.
type graph map[string][]Import

func (g graph) packages() []string {
	packages := make([]string, 0, len(g))
	for p := range g {
		packages = append(packages, p)
	}
	slices.Sort(packages)
	return packages
}

// search looks for what a rule forbids in the imports of a package and, unless the rule is about direct
// imports alone, in those of every package of the module that it reaches. Each is visited once, nearest
// first, so the way that a breach names is a shortest one.
func (g graph) search(start string, rule Rule) []string {
	var breaches []string
	ways := map[string]string{start: ""}
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, i := range g[at] {
			if rule.breaks(i, at == start) {
				breaches = append(breaches, fmt.Sprintf("%s imports %s%s: %s", i.File, i.Path, ways[at], rule.Because))
				continue
			}
			if _, seen := ways[i.Path]; seen || !i.Module || rule.Direct || belowAny(i.Path, rule.StopsAt) {
				continue
			}
			ways[i.Path] = ", and " + start + " reaches it by way of " + i.Path
			queue = append(queue, i.Path)
		}
	}
	return breaches
}

// breaks tells whether an import is forbidden. The positive list is about a package's own imports: what
// those stand on does not concern it.
func (r Rule) breaks(i Import, own bool) bool {
	if belowAny(i.Path, r.Forbid) && !belowAny(i.Path, r.Allow) {
		return true
	}
	if !own || r.Only == nil {
		return false
	}
	ofItself := i.Module && below(i.Path, r.Package)
	return !ofItself && !slices.Contains(r.Only, i.Path)
}

// below tells whether a path is the other or lies below it.
func below(p, other string) bool { return p == other || strings.HasPrefix(p, other+"/") }

func belowAny(p string, others []string) bool {
	return slices.ContainsFunc(others, func(other string) bool { return below(p, other) })
}
