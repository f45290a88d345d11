package projections_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// A tombstone reaches the generations that are followed; retired ones, still ones, and those of a version that nobody
// folds any more are found where they hold the person, and only there.
func TestEarlierGenerationsThatHoldAPerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const user = "d10000000000000000000000"
	person := domain.Person{User: user, Members: []int64{7}, Profiles: []int64{3}}
	b.append(
		draft(domain.TopicDirectory, "user:"+user, "u", domain.DirectoryUser{ID: user, Name: "Erna"}),
		draft(domain.TopicDirectory, "category:1", "c", domain.DirectoryCategory{ID: 1, Name: "c"}),
	)
	b.appendReadings(0, 30) // of accounts 1 to 9
	earlier := projections.Earlier{Pool: b.db.Pool, Projectors: projectors.All(0), DeleteGroup: b.log.DeleteGroup}
	held := func() (names []string) {
		list, err := earlier.Holding(b.ctx(), person)
		require.NoError(t, err)
		for _, on := range list {
			require.Empty(t, on.Rebuild)
			names = append(names, fmt.Sprintf("%s.g%d", on.Projection, on.Generation))
		}
		return names
	}
	_, err := projections.Earlier{Pool: b.db.Pool}.Holding(b.ctx(), person)
	require.Error(t, err, "who forgets to say which projectors there are must not hear that nobody is held")
	directory := b.engine(projectors.Directory{}, retiredWithin(time.Millisecond))
	stop := b.start(directory)
	b.caughtUp(directory)
	posts := b.engine(projectors.PostInsights{})
	b.start(posts)
	b.caughtUp(posts)
	require.Empty(t, held(), "what is followed gets the tombstone")

	b.ends(b.requestOf(projectors.Directory{}, nil).ID, operator.RebuildDone)
	require.Eventually(t, func() bool { return b.state("directory", 1) == "retired" }, patience, tick)
	until := time.Now()
	still := b.ends(b.requestOf(projectors.PostInsights{}, &until).ID, operator.RebuildDone)
	require.ElementsMatch(t, []string{"post_insights.g2", "directory.g1"}, held())
	require.Equal(t, 2, still.Generation)
	person.Profiles = []int64{77}
	require.Equal(t, []string{"directory.g1"}, held(), "no figure of this profile was kept")
	person.User, person.Members = "d20000000000000000000000", []int64{8}
	require.Empty(t, held(), "somebody else")
	person = domain.Person{User: user, Profiles: []int64{3}}

	for _, name := range []domain.OperatorTarget{{Projection: "directory", Generation: 1}, {Projection: "post_insights", Generation: 2}} {
		require.NoError(t, b.dropEarlier(earlier, name))
	}
	require.Empty(t, held())
	requireCode(t, domain.CodeConflict, b.dropEarlier(earlier, domain.OperatorTarget{Projection: "directory", Generation: 2}))

	// A binary of another version has taken over, and the old one has gone.
	stop()
	b.exec("update generations set version = 99 where projection = 'directory' and generation = 2")
	require.Equal(t, []string{"directory.g2"}, held())
	b.exec(`insert into processes (id, host, pid, release, roles, folds, reads, started_at, seen_at)
		values (gen_random_uuid(), 'h', 1, 'old', '{}', '{directory.g2}', '{}', now(), now() + interval '1 hour')`)
	require.Empty(t, held(), "it has come back")
}

// Somebody's view hangs on earlier tables, so that they cannot be dropped: they are emptied, nothing goes back to them or answers from
// them, the view stays, and the tables can go when it has gone.
func TestEarlierGenerationThatCannotBeDroppedIsEmptied(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const user = "d10000000000000000000000"
	person := domain.Person{User: user, Profiles: []int64{3}}
	b.append(draft(domain.TopicDirectory, "user:"+user, "u", domain.DirectoryUser{ID: user, Name: "Erna"}))
	b.appendReadings(0, 30)
	for _, p := range []fold.Projector{projectors.Directory{}, projectors.PostInsights{}} {
		e := b.engine(p, retiredWithin(time.Millisecond))
		b.start(e)
		b.caughtUp(e)
	}
	b.ends(b.requestOf(projectors.Directory{}, nil).ID, operator.RebuildDone)
	require.Eventually(t, func() bool { return b.state("directory", 1) == "retired" }, patience, tick)
	until := time.Now()
	b.ends(b.requestOf(projectors.PostInsights{}, &until).ID, operator.RebuildDone)
	b.exec("create view public.people as select id, name from lb_directory_g1_retired.users")
	b.exec("create view public.figures as select * from lb_post_insights_g2.tSPostInsights")
	earlier := projections.Earlier{Pool: b.db.Pool, Projectors: projectors.All(0)}
	for _, on := range []domain.OperatorTarget{{Projection: "directory", Generation: 1}, {Projection: "post_insights", Generation: 2}} {
		require.NoError(t, b.dropEarlier(earlier, on), on.Projection)
		require.Equal(t, "dropped", b.state(on.Projection, on.Generation))
	}
	held, err := earlier.Holding(b.ctx(), person)
	require.NoError(t, err)
	require.Empty(t, held)
	require.Zero(t, b.count("select (select count(*) from public.people) + (select count(*) from public.figures)"))
	request := asked("directory")
	request.Version = projectors.Directory{}.Version()
	_, err = b.switchBack(request)
	requireCode(t, domain.CodeConflict, err)
	b.exec("drop view public.people; drop view public.figures")
	require.NoError(t, b.dropGeneration("directory", 1, nil))
	require.Zero(t, b.count("select count(*) from pg_namespace where nspname like 'lb_directory_g1%'"))
}

func (b *bench) dropEarlier(e projections.Earlier, on domain.OperatorTarget) error {
	_, err := stepping(func() (struct{}, error) { return struct{}{}, e.Drop(b.ctx(), on) })
	return err
}

func (b *bench) requestOf(p fold.Projector, until *time.Time) projections.Rebuild {
	b.t.Helper()
	request := asked(p.Name())
	request.Version, request.Until = p.Version(), until
	r, err := b.askFor(request)
	require.NoError(b.t, err)
	return r
}

// Who owns no tables has a generation dropped by a process that folds, and hears why one stays. Two such processes drop it once, and what
// readers use is not dropped, whoever asks.
func TestEarlierGenerationIsDroppedByWhoFolds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const user = "d10000000000000000000000"
	person := domain.Person{User: user}
	b.append(draft(domain.TopicDirectory, "user:"+user, "u", domain.DirectoryUser{ID: user, Name: "Erna"}))
	e := b.engine(projectors.Directory{}, retiredWithin(time.Millisecond))
	b.start(e)
	b.start(b.other(projectors.Directory{}, retiredWithin(time.Millisecond)))
	b.caughtUp(e)
	b.ends(b.requestOf(projectors.Directory{}, nil).ID, operator.RebuildDone)
	require.Eventually(t, func() bool { return b.state("directory", 1) == "retired" }, patience, tick)
	b.exec("create view public.people as select id, name from lb_directory_g1_retired.users")
	earlier := projections.EarlierElsewhere{Earlier: projections.Earlier{Pool: b.db.Pool, Projectors: projectors.All(0)}}
	held, err := earlier.Holding(b.ctx(), person)
	require.NoError(t, err)
	first := domain.OperatorTarget{Projection: "directory", Generation: 1}
	require.Equal(t, []domain.OperatorTarget{first}, held)

	b.exec("update generations set drop_asked = clock_timestamp() where projection = 'directory' and generation = 2") // readers use it
	open, err := b.db.Pool.Begin(b.ctx())
	require.NoError(t, err)
	_, err = open.Exec(b.ctx(), "select from public.people")
	require.NoError(t, err)
	refused := earlier.Drop(b.ctx(), first)
	requireCode(t, domain.CodeConflict, refused)
	require.ErrorContains(t, refused, "an open transaction holds its tables")
	require.Equal(t, "retired", b.state("directory", 1))
	require.NoError(t, open.Rollback(b.ctx()))

	require.NoError(t, earlier.Drop(b.ctx(), first))
	require.Equal(t, "dropped", b.state("directory", 1), "a view hangs on it, so that it is emptied")
	require.Zero(t, b.count("select count(*) from public.people"))
	b.exec("drop view public.people")
	require.Eventually(t, func() bool {
		return b.count("select count(*) from pg_namespace where nspname like 'lb_directory_g1%'") == 0
	}, patience, tick)
	require.NoError(t, earlier.Drop(b.ctx(), first), "it is gone")
	requireCode(t, domain.CodeNotFound, earlier.Drop(b.ctx(), domain.OperatorTarget{Projection: "directory", Generation: 9}))

	require.Equal(t, 1, b.count("select count(*) from generations where generation = 2 and state = 'live' and drop_asked is not null and drop_refused is null"))
	require.Equal(t, 1, b.count("select count(*) from lb_directory_g2.users"))
}
