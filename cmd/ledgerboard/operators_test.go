package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const (
	fetchGood = iota + 1
	fetchDisconnected
	fetchLapsed
	fetchNoToken
)

var fetchKey = strings.Repeat("ab", 32)

func TestStoredTokensAreReencrypted(t *testing.T) {
	withSharedService(t, func(a *process, _ string) {
		seedFetching(t, a)
		next := strings.Repeat("cd", 32)
		rotate := func(more ...string) ran {
			return a.byHand(t, append([]string{"secrets", "rotate"}, more...)...)
		}
		require.Contains(t, rotate("--secrets-key", next+","+fetchKey).exits(t, exitOK).stdout, "3 secrets re-encrypted")
		rotate("--secrets-key", fetchKey, "--json").exits(t, exitFailure, "LEDGERBOARD_SECRETS_KEY") // the old key is no longer set
		rotate("--secrets-key", "short").exits(t, exitUsage, "LEDGERBOARD_SECRETS_KEY")
	})
}

// While a read model is paused, the command does not say that no service runs a rebuild of it.
func TestRebuildOfAPausedReadModelWaits(t *testing.T) {
	withSharedService(t, func(a *process, _ string) {
		a.ask(t, "pause", "contents", "--yes", "--reason", "test").exits(t, exitOK)
		a.until(t, 0, "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'ledgerboard contents.g%'")
		generation := a.countsOf(t, "select max(generation) + 1 from lb_engine.generations where projection = 'contents'")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		rebuild := rebuildCommand{
			service: service{DataDir: a.DataDir}, actionFlags: actionFlags{Yes: true, Reason: "test"}, Names: []string{"contents"},
		}
		err := rebuild.Run(ctx, streams{Out: io.Discard, Err: killer{stop, fmt.Sprintf("rebuild contents.g%d waits: an operator has paused this read model", generation)}})
		require.ErrorContains(t, err, "after 'ledgerboard resume', a running service completes the rebuild")
		a.ask(t, "resume", "contents", "--yes", "--reason", "test").exits(t, exitOK)
		a.until(t, generation, "select generation from lb_engine.generations where projection = 'contents' and state = 'live'")
	})
}

// A connection paused on the command line is listed as paused until it is resumed; one unknown id
// refuses all.
func TestPauseConnectionsCommand(t *testing.T) {
	withSharedService(t, func(a *process, _ string) {
		seedFetching(t, a)
		defer a.exec(t, "delete from kept.fetch_state")
		run := func(args ...string) ran {
			if args[0] != "connections" || args[1] != "list" {
				args = append(args, "--yes", "--reason", "incident:OPS-5")
			}
			return a.ask(t, args...)
		}
		runs := func(args ...string) string { return run(args...).exits(t, exitOK).stdout }
		fails := func(want string, args ...string) {
			t.Helper()
			failed := run(args...)
			require.NotZero(t, failed.code)
			require.Contains(t, failed.stderr, want)
		}
		reading := func(of int64) directory.ConnectionReading {
			var list []directory.ConnectionReading
			require.NoError(t, json.Unmarshal([]byte(runs("connections", "list", "--json", "--account", eraseClient)), &list))
			for _, one := range list {
				if one.ConnectionID == of {
					return one
				}
			}
			return directory.ConnectionReading{ConnectionStatus: domain.ConnectionStatus{Status: "not listed"}}
		}
		state := func(of int64) string { return string(reading(of).Status) }
		require.Equal(t, "waiting", state(fetchGood))
		fails("99", "pause", "1", "99")
		require.Equal(t, "waiting", state(fetchGood))

		runs("pause", "1")
		require.Equal(t, "paused", state(fetchGood))
		require.Regexp(t, `(?m)^1 +facebook .* paused `, runs("connections", "list"))
		require.Contains(t, runs("pause", "1"), "Nothing was changed or recorded")
		fails("is not 24 hex digits", "connections", "list", "--account", "zzz")
		require.Contains(t, strings.Join(strings.Fields(byHand(t, "rebuild", "--help").stdout), " "), "operations, contents.")

		// Actions without effect and unknown targets are refused before anything is recorded.
		reason := domain.Reason{Code: domain.ReasonTest}
		at, err := (&service{DataDir: a.DataDir}).client(t.Context())
		require.NoError(t, err)
		recorded := func() (n int64) {
			topics, err := fetch[[]operator.Topic](t.Context(), at, "/api/ops/log")
			require.NoError(t, err)
			for _, topic := range topics {
				for _, p := range topic.Partitions {
					n += p.End
				}
			}
			return n
		}
		before := recorded()
		for path, want := range map[string]string{
			"connections/1/pause": "409 Conflict", "connections/abc/pause": "400 Bad Request", "connections/99/pause": "404 Not Found",
			"platforms/tiktok/resume": "Nothing was done: platform tiktok is not paused.",
		} {
			_, err := act[done](t.Context(), at, "/api/ops/"+path, reason)
			require.ErrorContains(t, err, want, path)
		}
		require.Equal(t, before, recorded())

		for id, want := range map[int]string{
			fetchGood: "Resume the connection first.", fetchLapsed: "No subscription is active", fetchDisconnected: "reads no connected account", 99: "There is no connection 99.",
		} {
			fails(want, "connections", "read", strconv.Itoa(id))
		}
		require.Nil(t, reading(fetchGood).NextDue)
		_, err = vault.Pauses{Pool: a.KeptPool}.Pause(t.Context(), domain.Pause{
			Kind: domain.PauseConnection, Name: "98", Since: time.Now(), Reason: domain.Reason{Code: domain.ReasonTest},
		})
		require.NoError(t, err)
		runs("resume", "98")      // a pause can outlive its connection
		fails("", "resume", "98") // neither exists now
		runs("resume", "1")
		require.Equal(t, "waiting", state(fetchGood))
		require.Equal(t, "not listed", state(fetchDisconnected))
		runs("connections", "read", strconv.Itoa(fetchGood))
		require.NotNil(t, reading(fetchGood).NextDue)
	})
}

// One unknown name refuses all before anything is paused; the error lists the known names.
func TestPauseCommandRefusesUnknownPlatform(t *testing.T) {
	t.Parallel()
	all, err := allPausable([]string{"LinkedIn", "post_insights", "31"})
	require.NoError(t, err)
	require.Equal(t, []domain.Pause{
		{Kind: domain.PausePlatform, Name: "linkedin"}, {Kind: domain.PauseProjection, Name: "post_insights"}, {Kind: domain.PauseConnection, Name: "31"},
	}, all)
	for _, wrong := range []string{"post_insight", "-1", "0"} {
		_, err = allPausable([]string{"linkedin", wrong})
		require.ErrorAs(t, err, new(usageError))
		for _, part := range []string{`"` + wrong + `"`, "dashboards", "tiktok", "Nothing was changed"} {
			require.ErrorContains(t, err, part)
		}
	}
}

func TestConfirmRequiresYesAndReasonWithoutTerminal(t *testing.T) {
	t.Parallel()
	reason, err := someReason.confirm(streams{Out: io.Discard, Err: io.Discard}, "x")
	require.NoError(t, err)
	require.Equal(t, domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-1"}, reason)
	for want, flags := range map[string]actionFlags{ // tests have no terminal
		"also set --yes": {Reason: "incident"}, "also set --reason CODE[:TICKET]": {Yes: true}, "also set --yes and --reason CODE[:TICKET]": {},
		"because": {Yes: true, Reason: "because"},
	} {
		_, err := flags.confirm(streams{Out: io.Discard, Err: io.Discard}, "x")
		require.ErrorAs(t, err, new(usageError))
		require.ErrorContains(t, err, want)
	}
}

func TestConfirmPromptAsksForReason(t *testing.T) {
	t.Parallel()
	for answers, want := range map[string]error{
		"incident\ny\n": nil, "incident:OPS-2\nYES\n": nil, "incident\n\n": errDeclined, "incident\nn\n": errDeclined,
		"\n": errDeclined, "no\n": errDeclined, "": errDeclined,
	} {
		var said bytes.Buffer
		_, err := actionFlags{}.ask(streams{Err: &said}, bufio.NewReader(strings.NewReader(answers)), "pause linkedin")
		require.ErrorIs(t, err, want, answers)
		require.True(t, strings.HasPrefix(said.String(), "This will pause linkedin.\nReason ("), said.String())
	}
}

// Ctrl-C at either prompt ends the command without an answer.
func TestSignalAtAPrompt(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string]actionFlags{"reason": {}, "go on": {Reason: "incident"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			silent, writer := io.Pipe()
			defer writer.Close()
			cut := make(chan struct{})
			close(cut)
			_, err := flags.ask(streams{Err: io.Discard, Cut: cut}, bufio.NewReader(silent), "x")
			require.ErrorIs(t, err, errInterrupted)
			require.ErrorContains(t, err, nothingDone)
			require.Equal(t, exitInterrupted, exitCode(err, io.Discard))
		})
	}
}

func seedFetching(t *testing.T, a *process) {
	t.Helper()
	now := time.Now()
	a.appendEntities(t,
		domain.DirectoryAccount{ID: eraseAgency, Active: true},
		domain.DirectoryAccount{ID: eraseClient, ParentAccount: eraseAgency, Active: true},
		domain.DirectorySubscription{ID: 1, AccountID: eraseClient, StartsAt: now.AddDate(0, -1, 0)})
	secrets := ledgertest.Secrets(t, a.KeptPool, fetchKey)
	sealed, err := commands.EncodeTokens(commands.StoredTokens{AccessToken: "a token"})
	require.NoError(t, err)
	for id := fetchGood; id <= fetchNoToken; id++ {
		account, ref := eraseClient, fmt.Sprintf("connection/%d", id)
		if id == fetchLapsed {
			account = "c20000000000000000000000"
		}
		a.appendEntities(t,
			domain.DirectoryConnection{ID: int64(id), MemberID: 1, Platform: domain.Facebook, SecretRef: ref},
			domain.DirectorySocialAccount{
				ID: int64(id), ParentAccount: eraseAgency, AccountID: account, MemberID: 1, ConnectionID: int64(id), Platform: domain.Facebook,
				ExternalID: fmt.Sprintf("70%d", id), Connected: id != fetchDisconnected,
			})
		if id != fetchNoToken {
			require.NoError(t, secrets.Put(t.Context(), ref, sealed, domain.SecretTimes{Taken: now}))
		}
	}
	a.until(t, fetchNoToken, "select count(*) from tSAccounts")
}

// Commands that inspect a log never create one: an empty log would verify.
func TestInspectionCommandsCreateNoLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	nowhere := storage{DataDir: filepath.Join(dir, "data")}
	const agency = "aa0000000000000000000001"
	for _, c := range []struct {
		command command
		says    string
	}{
		{verifyCommand{installation: installation{nowhere, quiet}, All: true}, "LEDGERBOARD_KAFKA_BROKERS"},
		{replayCommand{installation: installation{nowhere, quiet}, Parent: agency}, "LEDGERBOARD_KAFKA_BROKERS"},
		{exportCommand{installation: installation{nowhere, quiet}, Parent: agency, Bundle: filepath.Join(dir, "b")}, "LEDGERBOARD_KAFKA_BROKERS"},
		{eraseErna(nowhere), "no service responds"},
		{eraseCommand{installation: installation{nowhere, quiet}, List: true}, "no service responds"},
		{eraseCommand{installation: installation{nowhere, quiet}, List: true, Direct: true}, "LEDGERBOARD_KAFKA_BROKERS"},
	} {
		var said bytes.Buffer
		_, err := runCommand(t, c.command)
		require.Equal(t, exitUsage, exitCode(err, &said), "%T: %v", c.command, err)
		require.Contains(t, said.String(), c.says, "%T", c.command)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// If a running service locks the data directory, the error says how to connect to it.
func TestLockedDataDirectoryErrorSaysHowToConnect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{DataDir: filepath.Join(dir, "broker")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	_, err = runCommand(t, replayCommand{installation: installation{storage{DataDir: dir}, quiet}, Parent: "aa0000000000000000000001"})
	require.ErrorIs(t, err, embedded.ErrLocked)
	require.ErrorContains(t, err, "demo.json")
}

// A command that changes an existing log creates none for a mistyped prefix. A question that needs
// nothing from the log is asked before anything is opened.
func TestMistypedTopicPrefixCreatesNoTopics(t *testing.T) {
	erasures := newFile(t, "erasures.jsonl", `{"kind":"user","id":"`+erased+`","at":"2026-01-01T00:00:00Z"}`)
	withSharedService(t, func(a *process, _ string) {
		for _, line := range []string{"import --withdraw 0199-other", "erase --from " + erasures} {
			line += " --yes --reason incident:OPS-1 --topic-prefix mistyped."
			a.byHand(t, strings.Fields(line)...).exits(t, exitFailure, "the log does not exist yet")
		}
		client, err := kgo.NewClient(kgo.SeedBrokers(a.Brokers()...))
		require.NoError(t, err)
		defer client.Close()
		topics, err := kadm.NewClient(client).ListTopics(t.Context())
		require.NoError(t, err)
		require.Contains(t, topics.Names(), domain.TopicMetrics)
		require.NotContains(t, strings.Join(topics.Names(), " "), "mistyped.")

		locked := a.ask(t, "erase", "--from", erasures, "--database-url", a.settings.DatabaseURL)
		require.Contains(t, locked.stderr, "without a terminal, also set --yes", "although the service locks the log")
	})
}

func TestLogShowsTopics(t *testing.T) {
	withSharedService(t, func(a *process, _ string) {
		command := logCommand{service: service{DataDir: a.DataDir}}
		require.Regexp(t, `(?m)^dashboards +12 +\d+ +`, mustRun(t, command))
		command.JSON = true
		var report struct{ Topics []operator.Topic }
		require.NoError(t, json.Unmarshal([]byte(mustRun(t, command)), &report))
		require.Len(t, report.Topics, len(a.Log.Codec().Topics()))
	})
}

// prepare builds missing tables and keeps the live ones.
func TestPrepareCommandBuildsMissingTables(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 30)
	prepare := func(names ...string) (stdout, stderr string, err error) {
		var out, errs bytes.Buffer
		c := prepareCommand{installation: installation{a.storage(), quiet}, actionFlags: someReason, Names: names}
		err = c.Run(t.Context(), streams{Out: &out, Err: &errs})
		return out.String(), errs.String(), err
	}
	requireGenerations := func(want ...string) {
		require.Equal(t, want, ledgertest.Column[string](t, a.db.Pool, `
			select format('%s %s of %s', projection, state, version = 999) from generations order by projection, generation`))
	}
	stdout, stderr, err := prepare("dashboards", "directory")
	require.NoError(t, err)
	require.Contains(t, stderr, "dashboards: generation 1 of version")
	require.Regexp(t, `directory: generation \d is ready for readers of this version`, stdout)
	stdout, stderr, err = prepare("dashboards", "directory")
	require.NoError(t, err)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "directory: generation")
	requireGenerations("dashboards live of f", "directory live of f")
	require.Equal(t, []string{"dashboard_preferences", "users"}, ledgertest.Column[string](t, a.db.Pool, `
		select viewname::text from pg_views where schemaname = 'lb' and viewname in ('dashboard_preferences', 'users') order by 1`),
		"people read them")

	// A generation of another version is live: prepare builds one for this version and keeps the
	// other one for its readers.
	ledgertest.Exec(t, a.db.Pool, `update generations set version = 999 where projection = 'directory'`)
	_, _, err = prepare("directory")
	require.NoError(t, err)
	requireGenerations("dashboards live of f", "directory live of t", "directory live of f")

	// A build that no process continues is continued.
	ops, err := a.parts.Operators(t.Context())
	require.NoError(t, err)
	_, err = ops.PrepareGeneration(t.Context(), operatorCaller(), "contents", domain.Reason{Code: domain.ReasonTest})
	require.NoError(t, err)
	_, stderr, err = prepare("contents")
	require.NoError(t, err)
	require.Contains(t, stderr, "continuing the build of contents.g")
	requireGenerations("contents live of f", "dashboards live of f", "directory live of t", "directory live of f")

	_, _, err = prepare("nonesuch")
	require.ErrorAs(t, err, new(usageError))
	require.ErrorContains(t, err, "unknown read model")
}

// A command with the database of one installation and the topics of another would mix up their
// data. It changes neither, whether the database is new, was migrated, or belongs to a service.
func TestCommandsRefuseTheLogOfAnotherInstallation(t *testing.T) {
	t.Parallel()
	claim := func(at storage) {
		p, err := eraseSettings(at).open(t.Context(), ledgertest.Quiet)
		require.NoError(t, err)
		require.NoError(t, p.Close())
	}
	at := newStorage(t)
	claim(at)
	before := importedEnds(t, at.DataDir)
	erasures := newFile(t, "erasures.jsonl", `{"kind":"user","id":"`+erased+`","at":"2026-01-01T00:00:00Z"}`)
	category := newFile(t, "categories.jsonl", `{"type":"directory.category.v1","data":{"id":7,"name":"Events"}}`)

	unmigrated, served := pgtest.New(t).URL, storage{DataDir: t.TempDir(), DatabaseURL: pgtest.New(t).URL}
	conn, err := pgx.Connect(t.Context(), unmigrated)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `drop schema kept cascade; drop schema lb_engine cascade; drop schema lb cascade`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	claim(served)

	const reason = "--yes --reason incident:OPS-1"
	for _, databaseURL := range []string{unmigrated, pgtest.New(t).URL, served.DatabaseURL} {
		with := []string{"--data-dir", at.DataDir, "--database-url", databaseURL, "--log-level", "error"}
		for _, line := range []string{
			"init --agency North --name Anna --email anna@north.example.com --directory local --jwt-secret " + strings.Repeat("s", 32),
			"import " + category,
			"import --dry-run " + category,
			"import --withdraw 0199-other " + reason,
			"erase --from " + erasures + " " + reason,
			"prepare directory " + reason,
		} {
			require.Contains(t, byHand(t, append(strings.Fields(line), with...)...).stderr, "the topics belong to another installation", line)
		}
		backup := byHand(t, append([]string{"backup", "--to", filepath.Join(t.TempDir(), "backup")}, with...)...)
		if databaseURL != unmigrated {
			require.Contains(t, backup.stderr, "do not show the age of this backup: the topics belong to another installation")
		}
	}
	require.Equal(t, before, importedEnds(t, at.DataDir))
	// with the database of the installation
	byHand(t, "import", category, "--data-dir", at.DataDir, "--database-url", at.DatabaseURL, "--log-level", "error").exits(t, exitOK)
}
