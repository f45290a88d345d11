package app_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// sharedKafka is a Kafka that several installations are configured to use.
type sharedKafka struct {
	*ledgertest.Broker

	t *testing.T
}

func newSharedKafka(t *testing.T) *sharedKafka {
	t.Helper()
	return &sharedKafka{ledgertest.NewBroker(t, nil), t}
}

func (s *sharedKafka) config(db *pgtest.DB, prefix string) app.Config {
	return app.Config{
		Storage: app.Storage{KafkaBrokers: s.ListenAddrs(), TopicPrefix: prefix, DatabaseURL: db.URL}, Logger: ledgertest.Quiet,
	}
}

// start opens and closes a process of an installation.
func (s *sharedKafka) start(db *pgtest.DB, prefix string) error {
	service, err := app.Open(s.t.Context(), s.config(db, prefix))
	if err != nil {
		return err
	}
	return service.Close()
}

// adopt replaces the owner of the log by the installation of a database.
func (s *sharedKafka) adopt(db *pgtest.DB, answer error) (bool, error) {
	parts := app.NewParts(s.config(db, ""))
	defer func() { require.NoError(s.t, parts.Close()) }()
	return parts.AdoptLog(s.t.Context(), commands.Caller{UserID: "system:operator", Role: "operator"},
		func(string) (domain.Reason, error) { return domain.Reason{Code: domain.ReasonTest}, answer })
}

// claims returns the claims in the log.
func (s *sharedKafka) claims(prefix string) (claims []domain.InstallationClaimed) {
	s.t.Helper()
	log := s.log(prefix)
	require.NoError(s.t, log.Scan(s.t.Context(), eventlog.ScanConfig{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll,
		Handle: func(_ context.Context, run eventlog.Run) error {
			for _, r := range run.Records {
				recorded, err := log.Decode(r)
				require.NoError(s.t, err)
				if claim, ok := recorded.Data.(domain.InstallationClaimed); ok {
					claims = append(claims, claim)
				}
			}
			return nil
		},
	}))
	return claims
}

func (s *sharedKafka) log(prefix string) *eventlog.Log {
	s.t.Helper()
	parts := app.NewParts(s.config(&pgtest.DB{}, prefix))
	s.t.Cleanup(func() { require.NoError(s.t, parts.Close()) })
	require.NoError(s.t, parts.OpenLog(s.t.Context()))
	return parts.Log
}

// state returns the ends of all topics, and the consumer groups.
func (s *sharedKafka) state() (ends map[string]map[int32]int64, groups []string) {
	s.t.Helper()
	listed, err := s.Admin.ListEndOffsets(s.t.Context())
	require.NoError(s.t, err)
	ends = map[string]map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		if ends[o.Topic] == nil {
			ends[o.Topic] = map[int32]int64{}
		}
		ends[o.Topic][o.Partition] = o.Offset
	})
	list, err := s.Admin.ListGroups(s.t.Context())
	require.NoError(s.t, err)
	return ends, list.Groups()
}

func column(t *testing.T, db *pgtest.DB, sql string) string {
	t.Helper()
	return ledgertest.Value[string](t, db.Pool, sql)
}

const anothersTopics = "the topics belong to another installation"

// A second installation on the topics of a running one is refused and leaves nothing in Kafka. With
// a prefix of its own it starts.
func TestSecondInstallationOnTheSameTopicsIsRefused(t *testing.T) {
	t.Parallel()
	k, first, second := newSharedKafka(t), pgtest.New(t), pgtest.New(t)
	// databases of tests are copies of one
	column(t, second, `update lb_engine.identity set database_id = gen_random_uuid() returning database_id::text`)
	config := k.config(first, "")
	config.Roles = []string{app.RoleProjector}
	s, err := app.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for _, loop := range s.Loops() {
		ledgertest.Run(t, loop.Run)
	}
	claims := k.claims("")
	require.Equal(t, []domain.InstallationClaimed{{ID: column(t, first, `select id::text from kept.installation`), Format: domain.LogFormat}}, claims)
	followed := func() bool {
		return column(t, first, `select count(*)::text from lb_engine.checkpoints where caught_up_at is not null`) != "0"
	}
	ledgertest.Eventually(t, followed)
	ends, _ := k.state()

	for range 2 {
		err = k.start(second, "")
		require.ErrorContains(t, err, anothersTopics)
		require.ErrorContains(t, err, claims[0].ID)
		require.ErrorContains(t, err, "LEDGERBOARD_TOPIC_PREFIX")
		require.ErrorContains(t, err, "ledgerboard migrate --adopt-log")
	}
	endsAfter, groups := k.state()
	require.Equal(t, ends, endsAfter)
	require.NotEmpty(t, groups)
	for _, group := range groups {
		require.Contains(t, group, column(t, first, `select database_id::text from lb_engine.identity`))
	}
	require.Equal(t, "0", column(t, second, `select count(*)::text from lb_engine.generations`))
	require.NoError(t, s.Log.Append(t.Context(), commands.EraseDraft(domain.KindUser, "a00000000000000000000001", time.Now())))
	require.NoError(t, k.start(first, ""), "another process of the first installation")
	require.NoError(t, k.start(second, "second-"))
	require.Equal(t, claims, k.claims(""))
}

// While one installation claims new topics, another starts on them: the first claim in the log
// counts.
func TestConcurrentFirstStartsAreDecidedByLog(t *testing.T) {
	t.Parallel()
	k, early, late := newSharedKafka(t), pgtest.New(t), pgtest.New(t)
	var begun atomic.Bool
	k.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if begun.CompareAndSwap(false, true) {
			k.SleepControl(func() { require.NoError(t, k.start(early, "")) })
		}
		return nil, nil, false
	})
	require.ErrorContains(t, k.start(late, ""), anothersTopics)
	winner := column(t, early, `select id::text from kept.installation`)
	require.Len(t, k.claims(""), 2)
	require.Equal(t, winner, k.claims("")[0].ID)
	require.ErrorContains(t, k.start(late, ""), anothersTopics)
	require.NoError(t, k.start(early, ""))
	require.Len(t, k.claims(""), 2)
}

// The log stays that of its installation if the derived tables are dropped, and if it is restored
// into other topics.
func TestLogStaysWithInstallationAfterRestore(t *testing.T) {
	t.Parallel()
	k, database := newSharedKafka(t), pgtest.New(t)
	require.NoError(t, k.start(database, ""))
	claims := k.claims("")
	require.Len(t, claims, 1)

	ledgertest.Exec(t, database.Pool, `drop schema lb_engine cascade; drop schema lb cascade`)
	require.NoError(t, k.start(database, ""))
	require.Equal(t, claims, k.claims(""))

	restored := k.log("restored-")
	require.NoError(t, restored.Append(t.Context(),
		commands.NewDraft(domain.TopicOperations, domain.OperationsKeyAll, claims[0], time.Now())))
	require.NoError(t, k.start(database, "restored-"))
	require.Equal(t, claims, k.claims("restored-"))
	require.ErrorContains(t, k.start(pgtest.New(t), "restored-"), anothersTopics)
}

// With a mistyped prefix, an installation creates no second log, neither by serve nor by a command,
// and claims no topics that somebody created for it.
func TestInstallationWithLogCreatesNoSecondOne(t *testing.T) {
	t.Parallel()
	k, database := newSharedKafka(t), pgtest.New(t)
	require.NoError(t, k.start(database, "typed-"))
	ends, _ := k.state()
	const hint = "Check LEDGERBOARD_KAFKA_BROKERS (without brokers, the data directory), LEDGERBOARD_TOPIC_PREFIX"

	require.ErrorContains(t, k.start(database, "tpyed-"), hint)
	command := func() error {
		parts := app.NewParts(k.config(database, "tpyed-"))
		defer func() { require.NoError(t, parts.Close()) }()
		return parts.OpenLog(t.Context())
	}
	require.ErrorContains(t, command(), hint)
	after, _ := k.state()
	require.Equal(t, ends, after, "nothing was created")

	k.log("tpyed-") // a process without a database may create topics
	require.ErrorContains(t, k.start(database, "tpyed-"), "nobody has claimed the topics")
	require.ErrorContains(t, command(), "nobody has claimed the topics", "nor does a command write to them")
	require.Empty(t, k.claims("tpyed-"))
	require.NoError(t, k.start(database, "typed-"))
}

// The database of the owner is lost, and a new one replaces it after a confirmation. If the old one
// reappears, it is refused.
func TestNewDatabaseAdoptsLogAfterConfirmation(t *testing.T) {
	t.Parallel()
	k, lost, replacement := newSharedKafka(t), pgtest.New(t), pgtest.New(t)
	adopted, err := k.adopt(replacement, errors.New("not asked"))
	require.NoError(t, err)
	require.False(t, adopted, "the log belongs to no one yet")
	require.NoError(t, k.start(lost, ""))
	require.ErrorContains(t, k.start(replacement, ""), anothersTopics)

	declined := errors.New("declined")
	ends, _ := k.state()
	_, err = k.adopt(replacement, declined)
	require.ErrorIs(t, err, declined)
	after, _ := k.state()
	require.Equal(t, ends, after)

	for _, want := range []bool{true, false} {
		adopted, err = k.adopt(replacement, nil)
		require.NoError(t, err)
		require.Equal(t, want, adopted)
	}
	require.NoError(t, k.start(replacement, ""))
	require.ErrorContains(t, k.start(lost, ""), anothersTopics)
	old, owner := column(t, lost, `select id::text from kept.installation`), column(t, replacement, `select id::text from kept.installation`)
	require.Equal(t, []domain.InstallationClaimed{{ID: old, Format: domain.LogFormat}, {ID: owner, Format: domain.LogFormat, Replaces: old}}, k.claims(""))
}

// A log of another format is left as it is, and the error says how to begin again.
func TestLogOfAnotherFormatIsRefused(t *testing.T) {
	t.Parallel()
	k, first, second := newSharedKafka(t), pgtest.New(t), pgtest.New(t)
	require.NoError(t, k.start(first, ""))
	older := domain.InstallationClaimed{ID: "older"} // without a format, as before there were formats
	require.NoError(t, k.log("").Append(t.Context(), commands.NewDraft(domain.TopicOperations, domain.OperationsKeyAll, older, time.Now())))
	ends, _ := k.state()
	err := k.start(second, "")
	require.ErrorContains(t, err, "The log has format 1, but this program reads only format 3. Nothing was changed.")
	require.ErrorContains(t, err, "To begin again")
	after, _ := k.state()
	require.Equal(t, ends, after)
}
