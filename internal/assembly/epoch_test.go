package assembly_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/dev/tags"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

// newBrokers are of a log that nobody has begun.
func newBrokers(t *testing.T) []string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()
}

// newParts are those of a process.
func newParts(t *testing.T, s assembly.Settings) *assembly.Parts {
	t.Helper()
	parts := assembly.NewParts(s)
	t.Cleanup(func() { require.NoError(t, parts.Close()) })
	return parts
}

// started is a log that a process with the tables of db has begun, and its epoch.
func started(t *testing.T, db *pgtest.DB) (assembly.Settings, eventlog.Epoch) {
	t.Helper()
	s := assembly.Settings{Brokers: newBrokers(t), DatabaseURL: db.URL, TagKeys: tags.Text}
	parts := newParts(t, s)
	_, err := parts.Engines(t.Context())
	require.NoError(t, err)
	log, err := parts.Log(t.Context())
	require.NoError(t, err)
	return s, log.Epoch()
}

// Without a key nobody opens a log to append or fold; who only looks does, and folds nothing either.
func TestWithoutAKeyTheLogIsOnlyLookedAt(t *testing.T) {
	t.Parallel()
	s, _ := started(t, pgtest.New(t))
	s.TagKeys = ""
	parts := newParts(t, s)
	_, err := parts.Log(t.Context())
	require.ErrorIs(t, err, eventlog.ErrNoTagKey)
	require.ErrorContains(t, err, "Set LEDGERBOARD_TAG_KEYS")
	_, err = parts.Desk(t.Context())
	require.ErrorIs(t, err, eventlog.ErrNoTagKey)

	s.Existing = true
	looking := newParts(t, s)
	log, err := looking.Log(t.Context())
	require.NoError(t, err)
	require.Zero(t, log.Epoch())
	_, err = looking.Engines(t.Context())
	require.ErrorIs(t, err, eventlog.ErrNoTagKey)
}

// A process with another key appends nothing, whether it has a database or, as an import, the log alone.
func TestAnotherKeyOpensNoLog(t *testing.T) {
	t.Parallel()
	s, _ := started(t, pgtest.New(t))
	s.TagKeys = strings.Repeat("ab", eventlog.TagKeySize)
	for _, url := range []string{s.DatabaseURL, "", pgtest.New(t).URL} {
		s.DatabaseURL = url
		_, err := newParts(t, s).Log(t.Context())
		require.ErrorIs(t, err, eventlog.ErrOtherKey)
		require.NotContains(t, err.Error(), s.TagKeys)
	}
}

// The database's copy is made at the start, found in the log again when it was lost, and counts when the log lost its record.
func TestLogAndDatabaseKeepOneEpoch(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s, epoch := started(t, db)
	var copied string
	row := func() error {
		return db.Pool.QueryRow(t.Context(), `select log_id || key_id from kept.epochs where number = 0`).Scan(&copied)
	}
	require.NoError(t, row())
	require.Equal(t, epoch.Log.String()+epoch.Key, copied)
	_, err := db.Pool.Exec(t.Context(), `delete from kept.epochs`)
	require.NoError(t, err)

	looking := s
	looking.Existing = true
	_, err = newParts(t, looking).Engines(t.Context())
	require.NoError(t, err)
	require.Error(t, row(), "who only looks copies nothing")
	again := newParts(t, s)
	_, err = again.Engines(t.Context())
	require.NoError(t, err)
	require.NoError(t, row())
	require.Equal(t, epoch.Log.String()+epoch.Key, copied)

	s.Brokers = newBrokers(t) // the log is empty: a restore of its first state, or topics that were made again
	log, err := newParts(t, s).Log(t.Context())
	require.NoError(t, err)
	require.Equal(t, epoch, log.Epoch())
}

// A log and a database of before tags are refused before anything is written to them, by whoever would append or only look: begun, the log would
// count for nothing and the tables be made anew without it. A database without tables is no reason, whatever lies in the log.
func TestALogOfBeforeTagsIsRefused(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := assembly.Settings{Brokers: newBrokers(t), DatabaseURL: db.URL, TagKeys: tags.Text}
	fresh := newParts(t, assembly.Settings{Brokers: s.Brokers, TagKeys: tags.Text, DatabaseURL: pgtest.New(t).URL})
	require.NoError(t, fresh.Migrate(t.Context()))
	topics, err := assembly.Topics()
	require.NoError(t, err)
	before, err := eventlog.Open(t.Context(), eventlog.Config{Brokers: s.Brokers, Topics: eventlog.OnOneBroker(topics, nil)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, before.Close()) })
	record, err := before.Codec().Encode(commands.NewDraft(domain.TopicOperations, "-", domain.DataImported{}, time.Now()))
	require.NoError(t, err)
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers...))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	raw := &kgo.Record{Topic: domain.TopicOperations, Key: record.Key, Value: record.Value}
	raw.Headers = append(raw.Headers, record.Headers...)
	require.NoError(t, client.ProduceSync(t.Context(), raw).FirstErr())
	require.EqualValues(t, 1, countOperations(t, before))

	require.NoError(t, newParts(t, s).Migrate(t.Context()))
	_, err = db.Pool.Exec(t.Context(), `
		insert into lb_engine.generations (projection, generation, version, topic, topic_id, state, targets)
		values ('directory', 1, 1, 'directory', gen_random_uuid(), 'live', '{}');
		insert into lb_engine.checkpoints (projection, generation, partition, state, next_offset, progressed_at, caught_up_at)
		values ('directory', 1, 0, 'live', 1, now(), now())`)
	require.NoError(t, err)
	looking := s
	looking.Existing = true
	for _, s := range []assembly.Settings{s, s, looking} { // a second start is no wiser
		_, err = newParts(t, s).Log(t.Context())
		require.ErrorContains(t, err, "before records were tagged")
		require.ErrorContains(t, err, "begin anew with topics and a database that are empty")
	}
	require.EqualValues(t, 1, countOperations(t, before), "nothing was appended")
	var copies int
	require.NoError(t, db.Pool.QueryRow(t.Context(), `select count(*) from kept.epochs`).Scan(&copies))
	require.Zero(t, copies)

	log, err := fresh.Log(t.Context())
	require.NoError(t, err, "the same log with an empty database")
	require.NotZero(t, log.Epoch())
}

// countOperations is how many records topic operations ever got.
func countOperations(t *testing.T, log *eventlog.Log) (records int64) {
	t.Helper()
	ranges, _, err := log.Ranges(t.Context(), domain.TopicOperations)
	require.NoError(t, err)
	for _, r := range ranges {
		records += r.End
	}
	return records
}

// Tables and secrets of another log are not read beside this one, in whatever order the two are opened.
func TestADatabaseOfAnotherLogIsRefused(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, epoch := started(t, db)
	other, otherEpoch := started(t, pgtest.New(t))
	other.DatabaseURL = db.URL
	for _, open := range []func(*assembly.Parts) error{
		func(p *assembly.Parts) error { _, err := p.Engines(t.Context()); return err },
		func(p *assembly.Parts) error { _, err := p.Desk(t.Context()); return err },
		func(p *assembly.Parts) error {
			log, err := p.Log(t.Context())
			require.NoError(t, err)
			require.NoError(t, log.Append(t.Context(), commands.NewDraft(domain.TopicOperations, "-", domain.DataImported{}, time.Now())))
			_, err = p.Secrets(t.Context())
			return err
		},
		func(p *assembly.Parts) error {
			_, err := p.Vault(t.Context())
			require.NoError(t, err)
			_, err = p.Log(t.Context())
			return err
		},
	} {
		err := open(newParts(t, other))
		require.ErrorContains(t, err, "the database is of another log")
		require.ErrorContains(t, err, epoch.Log.String())
		require.ErrorContains(t, err, otherEpoch.Log.String())
	}
}

// No line of a process's own log has the key.
func TestAStartLogsNoKey(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	s := assembly.Settings{Brokers: newBrokers(t), DatabaseURL: pgtest.New(t).URL, TagKeys: tags.Text}
	s.Logger = slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	parts := newParts(t, s)
	_, err := parts.Engines(t.Context())
	require.NoError(t, err)
	s.Logger.Info("a key", "key", tags.Key(), "config", eventlog.Config{TagKey: tags.Key()}.TagKey)
	require.Contains(t, lines.String(), "tag key "+tags.Key().ID())
	require.NotContains(t, lines.String(), tags.Text[:16])
}
