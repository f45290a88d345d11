package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// path is the way of one thing through the program, function by function. What computes something for a step and returns is left out: a reader
// who follows the thing need not look into it.
type path struct {
	name string
	// steps are folder.Function or folder.Type.method. Each is named in the body of one that stands before it, but where something else than a call
	// brings the thing there: then the step begins with what does.
	steps []string
}

// longestPath is how many functions a reader can be asked to follow at a time.
const longestPath = 12

var paths = []path{
	{"a PUT, from the route to the log", []string{
		"api.dashboards.put", "commands.Dashboards.Update", "commands.UpdateDashboard.change", "commands.Dashboards.run",
		"commands.Dashboards.attempt", "commands.Dashboards.consider", "commands.Dashboards.load", "domain.DecideUpdate",
		"commands.Dashboards.draft", "internal/eventlog.Log.Append", "internal/eventlog.Log.AppendBatch", "internal/eventlog.Log.produce",
	}},
	{"its answer, from the log to the caller", []string{
		"commands.Dashboards.attempt", "commands.Dashboards.settle", "commands.Dashboards.AwaitHead",
		"readmodels.Dashboards.Settle", "commands.Dashboards.document", "readmodels.Dashboards.Document",
	}},
	{"its record, from the log to the rows", []string{
		"projections.session.follow", "projections.session.handle", "projections.session.foldShare",
		"projections.session.fold", "projections.session.transact", "projections.session.transaction", "projections.work.apply",
		"projections/projectors.dashboardsFold.Apply", "projections/projectors.dashboardsFold.change", "domain.DashboardChange.Fold",
		"projections/projectors.dashboardsFold.Write",
	}},
	{"its notice, from the log to the browser", []string{
		"internal/assembly.Service.runReactors", "internal/assembly.Service.wakeListeners", "internal/stream.Hub.Wake", "internal/stream.notices.wake",
		"internal/stream.registry.wake",
		"channel wake: internal/stream.Hub.serve", "internal/stream.noticeFeed.tell", "internal/stream.eventStream.send", "internal/stream.eventStream.write",
	}},
	{"a reading, from what is due to the platform", []string{
		"commands/collect.scheduler.serve", "commands/collect.loop.next", "commands/collect.scheduler.read",
		"value work: commands/collect.Collector.Work", "commands/collect.round.one", "commands/collect.round.fetchSafely",
		"value fetch: commands/collect.Collector.withToken", "commands/collect.Collector.readAs", "value read: commands/collect.accounts.accountReading",
		"internal/platforms.tikTok.Account",
	}},
	{"a reading, from the platform's answer to the log", []string{
		"commands/collect.accounts.accountReading", "commands/collect.Record",
		"internal/eventlog.Log.AppendBatch", "internal/eventlog.Log.newBatch", "internal/eventlog.Log.encodeBatch", "internal/eventlog.Log.encode",
		"internal/eventlog.Log.produce", "internal/eventlog.openAppends.begin",
	}},
	{"a reading, from the log to the rows", []string{
		"projections.session.follow", "projections.session.handle", "projections.session.foldShare",
		"projections.session.fold", "projections.session.transact", "projections.session.transaction", "projections.work.apply",
		"projections/projectors.accountFold.Apply", "projections/projectors.accountFold.Write", "projections/projectors.seriesSteps.add",
		"projections.queueProgress",
	}},
	{"a reading, from the rows to the browser that shows live figures", []string{
		"internal/pg.Progress.listenOnce", "value figures: internal/stream.Hub.Notify", "channel kick: internal/stream.figures.run",
		"internal/stream.registry.wake", "channel wake: internal/stream.Hub.serve", "internal/stream.figureFeed.tell",
		"internal/stream.eventStream.send", "internal/stream.eventStream.write",
	}},
}

// If you change how a PUT or a reading travels, change the path here: it is how a newcomer finds the way.
func TestPathsAreShort(t *testing.T) {
	t.Parallel()
	functions := map[string]map[string]*ast.FuncDecl{}
	for _, path := range paths {
		require.LessOrEqual(t, len(path.steps), longestPath, "%s: join two steps, or leave out what only passes on", path.name)
		for i, step := range path.steps {
			_, _, handedOver := strings.Cut(step, ": ")
			called := i == 0 || handedOver
			for _, before := range path.steps[:i] {
				called = called || mentions(function(t, functions, before), step[strings.LastIndexByte(step, '.')+1:])
			}
			require.True(t, called, "%s: no step before calls %s", path.name, step)
			function(t, functions, step)
		}
	}
}

// function finds a step in the source.
func function(t *testing.T, found map[string]map[string]*ast.FuncDecl, step string) *ast.FuncDecl {
	t.Helper()
	if _, place, ok := strings.Cut(step, ": "); ok {
		step = place
	}
	slash := strings.LastIndexByte(step, '/') + 1
	base, name, _ := strings.Cut(step[slash:], ".")
	folder := step[:slash] + base
	if found[folder] == nil {
		found[folder] = functionsOf(t, filepath.Join(root(t), folder))
	}
	require.Contains(t, found[folder], name, "%s is gone from %s", name, folder)
	return found[folder][name]
}

// functionsOf are a package's functions by name, methods as Type.name.
func functionsOf(t *testing.T, dir string) map[string]*ast.FuncDecl {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	functions := map[string]*ast.FuncDecl{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, entry.Name()), nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			f, is := decl.(*ast.FuncDecl)
			if !is {
				continue
			}
			name := f.Name.Name
			if f.Recv != nil {
				of := f.Recv.List[0].Type
				if pointer, is := of.(*ast.StarExpr); is {
					of = pointer.X
				}
				if named, is := of.(*ast.Ident); is {
					name = named.Name + "." + name
				}
			}
			functions[name] = f
		}
	}
	return functions
}

// mentions tells whether a function's body names another one.
func mentions(f *ast.FuncDecl, name string) (found bool) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		ident, is := n.(*ast.Ident)
		found = found || is && ident.Name == name
		return !found
	})
	return found
}
