package archtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/archtest"
)

// stillWide are the types that are yet to be narrowed. The list only shrinks.
var stillWide = []string{
	"internal/dev/bench.bench", "internal/dev/demo.World", "internal/dev/simulator.Server", "internal/dev/simulator.request",
}

func TestTypesHaveLimitedMethods(t *testing.T) {
	t.Parallel()
	var names []string
	for _, sentence := range archtest.Wide(archtest.Types(files(t), module)) {
		name, _, _ := strings.Cut(sentence, " ")
		names = append(names, name)
		require.Contains(t, stillWide, name, sentence)
	}
	for _, name := range stillWide {
		require.Contains(t, names, name, "it is narrow: take it out of stillWide")
	}
}

func TestInterfacesHaveTwoImplementations(t *testing.T) {
	t.Parallel()
	found := archtest.Seams(archtest.Types(files(t), module))
	for _, seam := range found {
		require.Contains(t, archtest.Boundaries(), seam, "it has one implementation: use that, or a function; if a rule forces it, name it in Boundaries")
	}
	for seam := range archtest.Boundaries() {
		require.Contains(t, found, seam, "it is gone, or has two implementations: take it out of the list")
	}
}

func TestSingleImplementationInterfaceIsReported(t *testing.T) {
	t.Parallel()
	const two = "type reader interface { Read() }\ntype one struct{}\nfunc (one) Read() {}\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"one implementation":  {map[string]string{"a/x.go": two}, []string{"a.reader"}},
		"two implementations": {map[string]string{"a/x.go": two, "b/y.go": "type other struct{}\nfunc (*other) Read() {}\n"}, nil},
		"the second only embeds the interface": {
			map[string]string{"a/x.go": two, "b/y.go": "import \"" + module + "/a\"\ntype fake struct{ a.reader }\n"}, []string{"a.reader"},
		},
		"the second embeds the first": {
			map[string]string{"a/x.go": two, "b/y.go": "import \"" + module + "/a\"\ntype more struct{ *a.one }\n"}, nil,
		},
		"the second is of tests":   {map[string]string{"a/x.go": two, "a/x_test.go": "type f struct{}\nfunc (f) Read() {}\n"}, []string{"a.reader"}},
		"a struct of functions":    {map[string]string{"a/x.go": "type calls struct { read func(); write func() }\n"}, []string{"a.calls"}},
		"functions among other":    {map[string]string{"a/x.go": "type config struct { now func(); name string }\n"}, nil},
		"the empty interface":      {map[string]string{"a/x.go": "type anything interface{}\n"}, nil},
		"a constraint":             {map[string]string{"a/x.go": "type number interface{ ~int | ~int64 }\n"}, nil},
		"an interface that embeds": {map[string]string{"a/x.go": two + "type both interface { reader; Write() }\n"}, []string{"a.both", "a.reader"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, archtest.Seams(plantTypes(t, c.files)))
		})
	}
}

// plantTypes plants files without their package clauses and returns their types.
func plantTypes(t *testing.T, texts map[string]string) []archtest.Type {
	t.Helper()
	for name, text := range texts {
		texts[name] = "package p\n" + text
	}
	return archtest.Types(plant(t, texts), module)
}

func TestPlantedWideTypeIsFound(t *testing.T) {
	t.Parallel()
	methods := func(receiver string, from, to int) (source string) {
		for i := from; i < to; i++ {
			source += fmt.Sprintf("func (%s) m%d() {}\n", receiver, i)
		}
		return source
	}
	spread := func(files int) map[string]string {
		planted := map[string]string{"a/t.go": "type t[K, V any] struct{}\n"}
		for i := range files {
			planted[fmt.Sprintf("a/f%d.go", i)] = methods("x *t[K, V]", i, i+1)
		}
		return planted
	}
	require.Empty(t, archtest.Wide(plantTypes(t, map[string]string{"a/t.go": "type t int\n" + methods("t", 0, archtest.MaxMethods)})))
	require.Equal(t, []string{"a.t has 41 methods in 1 files: a type has at most 40, in at most 6"},
		archtest.Wide(plantTypes(t, map[string]string{"a/t.go": "type t int\n" + methods("t", 0, archtest.MaxMethods+1)})))
	require.Empty(t, archtest.Wide(plantTypes(t, spread(archtest.MaxFiles))))
	require.Equal(t, []string{"a.t has 7 methods in 7 files: a type has at most 40, in at most 6"},
		archtest.Wide(plantTypes(t, spread(archtest.MaxFiles+1))))
	require.Empty(t, archtest.Wide(plantTypes(t, map[string]string{
		"a/t.go": "type t int\n" + methods("t", 0, 30), "b/t.go": "type t int\n" + methods("t", 0, 30), "a/t_test.go": methods("t", 30, 60),
	})), "types of two packages, and what only tests have")
}
