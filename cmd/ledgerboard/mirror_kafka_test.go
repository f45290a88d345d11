package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// mirrorSettings are the settings of MirrorMaker 2 that docs/operators.md shows, with one replica
// and short intervals.
const mirrorSettings = `clusters = %[1]s, new
%[1]s.bootstrap.servers = %[2]s
new.bootstrap.servers = %[3]s
%[1]s->new.enabled = true
%[1]s->new.topics = %[4]s(dashboards|metrics|operations|directory|contents)
%[1]s->new.sync.topic.acls.enabled = false
%[1]s->new.emit.checkpoints.enabled = false
%[1]s->new.offset-syncs.topic.location = target
emit.heartbeats.enabled = false
replication.factor = 1
offset-syncs.topic.replication.factor = 1
offset.storage.replication.factor = 1
status.storage.replication.factor = 1
config.storage.replication.factor = 1
offset.storage.partitions = 1
status.storage.partitions = 1
refresh.topics.interval.seconds = 5
offset.flush.interval.ms = 1000
`

// MirrorMaker 2 moves the log to other brokers, without and with transactions. The copy verifies, is
// signed on and exported, with the database of the original and with an empty one. A copy made in
// transactions has other offsets; its backup is restored without their markers.
func TestMirroredLogOnApacheKafka(t *testing.T) {
	from, to, libraries := os.Getenv("LEDGERBOARD_TEST_KAFKA_BROKERS"), os.Getenv("LEDGERBOARD_TEST_KAFKA_TARGET"), os.Getenv("LEDGERBOARD_TEST_KAFKA_LIBS")
	if from == "" || to == "" || libraries == "" {
		t.Skip("LEDGERBOARD_TEST_KAFKA_TARGET is not set: .ci/kafka sets it")
	}
	key, public, err := proof.GenerateKey()
	require.NoError(t, err)
	prefix := "moved" + strconv.FormatInt(time.Now().UnixMilli(), 36) + "-"
	original := storage{DataDir: t.TempDir(), DatabaseURL: pgtest.New(t).URL, KafkaBrokers: strings.Split(from, ","), TopicPrefix: prefix}
	signed := func(at storage, use func(a *process)) {
		t.Helper()
		forgetful{storage: at, key: key}.serve(t, &ledgertest.Output{}, func(a *process, _ string) { use(a) })
	}
	copies := map[string]storage{}
	for _, mode := range []string{"plain", "exact"} {
		copies[mode] = storage{DataDir: t.TempDir(), DatabaseURL: original.DatabaseURL, KafkaBrokers: strings.Split(to, ","), TopicPrefix: mode + "." + prefix}
	}
	var stops []func()
	var before []chained
	signed(original, func(a *process) {
		seedErasure(t, a)
		seedFigures(t, a)
		for mode := range copies {
			settings := fmt.Sprintf(mirrorSettings, mode, from, to, prefix)
			if mode == "exact" {
				settings += "new.exactly.once.source.support = enabled\ndedicated.mode.enable.internal.rest = true\nlisteners = http://" + ledgertest.FreeAddress(t) + "\n"
			}
			stops = append(stops, mirror(t, libraries, settings))
		}
		for _, at := range copies {
			ledgertest.Eventually(t, func() bool { return endOf(t, at) > 0 }, "the copy begins")
		}
		for n := range 40 { // they are copied in several transactions
			if updateDashboard(t, a, stays); n%2 == 0 {
				updateDashboard(t, a)
			}
		}
		before = chainOf(t, a)
	})
	for _, at := range copies {
		awaitRecords(t, at, endOf(t, original))
	}
	for _, stop := range stops {
		stop()
	}
	require.Greater(t, endOf(t, copies["exact"]), endOf(t, original), "the markers of transactions shift offsets")
	for _, mode := range []string{"plain", "exact"} {
		t.Run(mode, func(t *testing.T) {
			at := installation{copies[mode], quiet}
			verified := func() string {
				t.Helper()
				return byHand(t, "verify", "--all", "--key", public, "--log-level", "error", "--data-dir", at.DataDir,
					"--kafka-brokers", strings.Join(at.KafkaBrokers, ","), "--topic-prefix", at.TopicPrefix).exits(t, exitOK).stdout
			}
			require.Contains(t, verified(), "This log is a copy")
			t.Log("old database")
			rebuildAll(t, at.storage)
			serves := func() {
				t.Helper()
				signed(at.storage, func(a *process) {
					a.until(t, 0, "select count(*) from lb_engine.dead_letters")
					updateDashboard(t, a, stays)
				})
				require.Contains(t, verified(), "This log is a copy")
				mustRun(t, verifyCommand{installation: at, Tables: true})
				bundle := filepath.Join(t.TempDir(), "bundle.jsonl")
				mustRun(t, exportCommand{installation: at, evidence: evidence{[]string{public}}, Parent: eraseAgency, Bundle: bundle})
				mustRun(t, verifyCommand{evidence: evidence{[]string{public}}, Bundle: bundle})
			}
			serves()
			t.Log("empty database")
			at.DatabaseURL = pgtest.New(t).URL
			mustRun(t, migrateCommand{installation: at, actionFlags: someReason, AdoptLog: true})
			serves()
			files := filepath.Join(t.TempDir(), "backup")
			mustRun(t, backupCommand{installation: at, To: files})
			at.TopicPrefix = "restored-" + at.TopicPrefix
			t.Log("restored")
			mustRun(t, restoreCommand{installation: at, actionFlags: someReason, From: files})
			serves()
			signed(at.storage, func(a *process) { require.Equal(t, before, chainOf(t, a)[:len(before)]) })
		})
	}
}

// rebuildAll starts a service whose tables were built from another log. It does not report that it can
// be read, and rebuilds them on request.
func rebuildAll(t *testing.T, at storage) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	settings := eraseSettings(at)
	a, err := settings.start(ctx, "127.0.0.1:0", ledgertest.Quiet)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx, nil) }()
	ledgertest.Eventually(t, func() bool {
		answer := get(baseURL(a.front.main.Addr())+"/readyz", "")
		require.Equal(t, http.StatusServiceUnavailable, answer.Status, answer.Body)
		return strings.Contains(answer.Body, `"`+string(operator.HealthOtherLog)+`"`)
	})
	require.NotContains(t, mustRun(t, logCommand{service: service{DataDir: at.DataDir}}), "UNSAFE")
	mustRun(t, rebuildCommand{service: service{DataDir: at.DataDir}, actionFlags: someReason, All: true})
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, a.Close())
}

// mirror runs MirrorMaker 2 until stop is called.
func mirror(t *testing.T, libraries, settings string) (stop func()) {
	t.Helper()
	process, err := ledgertest.Start(exec.Command("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(libraries, "*"),
		"org.apache.kafka.connect.mirror.MirrorMaker", newFile(t, "mm2.properties", settings)))
	require.NoError(t, err)
	stop = func() {
		_ = process.Process.Signal(os.Interrupt)
		if _, err := process.Await(time.Minute); err != nil {
			_ = process.Process.Kill()
			<-process.Ended
		}
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Log(process.Output.String())
		}
	})
	return stop
}

// logTopics are the names of the topics on the brokers.
func logTopics(t *testing.T, at storage) (names []string) {
	t.Helper()
	topics, err := app.Topics()
	require.NoError(t, err)
	for _, topic := range topics {
		names = append(names, at.TopicPrefix+topic.Name)
	}
	return names
}

// endOf returns the sum of the end offsets of all partitions; 0 while topics are missing.
func endOf(t *testing.T, at storage) (sum int64) {
	t.Helper()
	_, admin := ledgertest.NewAdmin(t, at.KafkaBrokers)
	ends, err := admin.ListEndOffsets(t.Context(), logTopics(t, at)...)
	require.NoError(t, err)
	if ends.Error() != nil {
		return 0
	}
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum
}

// awaitRecords reads until there are as many records, without markers of transactions.
func awaitRecords(t *testing.T, at storage, want int64) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(at.KafkaBrokers...), kgo.ConsumeTopics(logTopics(t, at)...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for n := 0; int64(n) < want; {
		fetches := client.PollFetches(ctx)
		require.NoError(t, ctx.Err(), "%d of %d records", n, want)
		n += fetches.NumRecords()
	}
}
