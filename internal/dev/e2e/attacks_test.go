//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// attack is one thing that somebody with the rights of one actor can do to a service. docs/threat-model.md has a row for each,
// and a test holds name, by, shows and never against it.
type attack struct {
	name  string
	by    string         // an actor of the threat model
	shows string         // what verify prints of it
	never string         // what verify must not print
	code  int            // that verify ends with
	args  []string       // of verify, behind the key; nil: --all
	do    func(s *scene) // the program
}

const (
	clean     = "nothing was altered, removed, inserted or reordered up to the checkpoint of"
	cutUnseen = "an end that was cut off or written again since would not show"
	brokers   = "broker administrator"
	databases = "database administrator"
	producer  = "producer on the topics"
	keyThief  = "thief of the checkpoint key"
)

// TestAttacks makes one demo and lets each attack have a copy of what it left, or the running demo where the attack only adds
// records. Each time verify, as a process, must say what the threat model says, and must not say what it says that nobody may claim.
func TestAttacks(t *testing.T) {
	o := attacked(t)
	for _, list := range onCopies() {
		for _, a := range list {
			t.Run(a.name, func(t *testing.T) {
				s := o.scene(t)
				s.args = a.args
				a.do(s)
				if s.args == nil {
					s.args = []string{"--all"}
				}
				a.judge(t, s.verify(s.args...))
			})
		}
	}
	t.Run("all tables edited", func(t *testing.T) { everyTableEdited(o.scene(t)) })
	t.Run("on the running service", o.whileItRuns)
}

func onCopies() [][]attack {
	return [][]attack{untouched(), logAttacks(), checkpointAttacks(), producerAttacks(), tableAttacks()}
}

// TestTheThreatModelHasEachAttack holds the table of the document against the programs.
func TestTheThreatModelHasEachAttack(t *testing.T) {
	text, err := os.ReadFile("../../../docs/threat-model.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "|---|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var rows []string
	for _, list := range append(onCopies(), addedInVain(), addedAndCounted()) {
		for _, a := range list {
			rows = append(rows, a.row())
		}
	}
	require.Equal(t, strings.Join(rows, "\n"), table)
}

// row is what the threat model says of the attack.
func (a attack) row() string {
	args := "--all"
	if a.args != nil {
		args = strings.Join(a.args, " ")
	}
	return fmt.Sprintf("| %s | %s | `%s` | `%s` | `%s` |", a.name, a.by, args, strings.TrimSpace(a.shows), a.never)
}

// judge compares what verify said.
func (a attack) judge(t *testing.T, r ran) {
	t.Helper()
	said := r.out + r.err
	require.Equal(t, a.code, r.code, "%s", said)
	require.Contains(t, said, a.shows)
	require.NotContains(t, said, a.never)
}

// origin is what a demo left that was stopped, with what an auditor took away from it.
type origin struct {
	dir    string // log, database, checkpoints
	older  string // the same as of the last but one checkpoint
	info   demoInfo
	agency string // the victim
	key    string // public key of checkpoints
	signer string // private key of checkpoints
	bundle string // of the agency, as of the last checkpoint
	past   string // of the agency, as of the last but one checkpoint
	marks  []mark

	postgres *embedded.Postgres
	made     int // databases
}

// mark is what a checkpoint covers: next offsets by partition.
type mark struct{ dashboards, operations []int64 }

// attacked makes the demo: changes and looks at the history before each of two checkpoints, and after the last one.
func attacked(t *testing.T) *origin {
	t.Helper()
	o := &origin{dir: t.TempDir(), older: t.TempDir()}
	one := []string{"--rate-limit", "0", "--roles", "api,projector,signer", "--checkpoint-every", "24h"} // at the first start and at each stop
	p := startDemo(t, o.dir, one...)
	o.info, o.agency, o.key = p.info, p.info.IDs.ParentAccount, p.info.CheckpointPublicKey
	p.await(patience, "the first checkpoint", func() bool { return len(marksIn(t, o.dir)) > 0 })
	o.somethingHappens(t, p, "posts")
	copyDir(t, o.older, o.dir)
	o.past = o.takeBundle(t)

	p = startDemo(t, o.dir, one...)
	p.await(patience, "the signer to have looked, so that one checkpoint covers all that happens", func() bool {
		return signersTurn.Match(p.get("", "/metrics").ok(t, http.StatusOK).body)
	})
	o.somethingHappens(t, p, "posts", "reports")
	o.bundle = o.takeBundle(t)
	o.marks = marksIn(t, o.dir)

	p = startDemo(t, o.dir, "--rate-limit", "0", "--roles", "api,projector")
	o.somethingHappens(t, p, "analytics")
	require.Equal(t, o.marks, marksIn(t, o.dir), "nobody signed what happened last")

	var state struct {
		Key string `json:"checkpoint_key"`
	}
	raw, err := os.ReadFile(filepath.Join(o.dir, "demo-state.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &state))
	o.signer = state.Key
	o.startDatabases(t)
	return o
}

// signersTurn is a turn of the signer of checkpoints, whatever came of it.
var signersTurn = regexp.MustCompile(`(?m)^ledgerboard_checkpoint_turns_total\{.*\} [1-9]`)

// somethingHappens changes a dashboard, looks at its history and stops the service.
func (o *origin) somethingHappens(t *testing.T, p *program, scopes ...string) {
	t.Helper()
	sub := o.info.IDs.SubAccounts[0]
	p.update(sub, map[string]any{"scopes": scopes})
	look := p.get(o.info.Tokens["auditor"], dashboardPath(sub)+"/history?limit=1").ok(t, http.StatusOK).header.Get("X-Request-Id")
	p.await(patience, "the look to be listed", func() bool {
		return strings.Contains(string(p.get(o.info.Tokens["auditor"], "/api/audit/reads?limit=10").body), look)
	})
	p.Stop()
}

// copyDir copies a directory with owners and modes: PostgreSQL looks at its own.
func copyDir(t *testing.T, to, from string) {
	t.Helper()
	out, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func (o *origin) takeBundle(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bundle.jsonl")
	taken := command(t, nil, "export", "--data-dir", o.dir, "--parent", o.agency, "--bundle", file)
	require.Equal(t, done, taken.code, taken.err)
	return file
}

// startDatabases starts a server on a copy of the database, for copies of it.
func (o *origin) startDatabases(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	copyDir(t, dir, filepath.Join(o.dir, "postgres"))
	require.NoError(t, os.Remove(filepath.Join(dir, "port"))) // the service goes on at the one that it had
	var err error
	o.postgres, err = embedded.StartPostgres(t.Context(), embedded.PostgresConfig{DataDir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, o.postgres.Close()) })
}

// marksIn reads the checkpoints outside of the log.
func marksIn(t *testing.T, dir string) (marks []mark) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "checkpoints.txt"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "positions":
			marks = append(marks, mark{dashboards: numbers(t, fields[1])})
		case len(fields) == 5 && fields[0] == "operations":
			marks[len(marks)-1].operations = numbers(t, fields[4])
		}
	}
	return marks
}

func numbers(t *testing.T, list string) (all []int64) {
	t.Helper()
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
		all = append(all, n)
	}
	return all
}

// scene is a copy of what the demo left: an attack may do with it what it likes.
type scene struct {
	*origin

	t        *testing.T
	dir      string
	database string   // URL; "": the one in dir
	source   string   // the directory that was copied
	args     []string // of verify

	service *program // that runs on it; nil: none
}

// scene copies log and checkpoints, and the database when the attack wants to write to it.
func (o *origin) scene(t *testing.T) *scene {
	t.Helper()
	s := &scene{origin: o, t: t}
	s.take(o.dir)
	s.database = o.postgres.URL()
	return s
}

// take makes the scene a copy of a data directory but for its database. Readings and contents are in no chain.
func (s *scene) take(dir string) {
	s.t.Helper()
	s.dir, s.source = s.t.TempDir(), dir
	copyDir(s.t, filepath.Join(s.dir, "broker"), filepath.Join(dir, "broker"))
	for _, name := range []string{"checkpoint.pub", "checkpoints.txt"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(s.t, err)
		require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, name), raw, 0o600))
	}
}

// withItsDatabase adds the database of the directory that was copied.
func (s *scene) withItsDatabase() {
	s.t.Helper()
	copyDir(s.t, filepath.Join(s.dir, "postgres"), filepath.Join(s.source, "postgres"))
	s.database = ""
}

// exec writes to a copy of the database, as whoever has every right on it can.
func (s *scene) exec(sql string, args ...any) {
	s.t.Helper()
	if s.database == s.postgres.URL() {
		s.made++
		name := fmt.Sprint("attack", s.made)
		server := s.connect(strings.Replace(s.postgres.URL(), "/ledgerboard?", "/postgres?", 1))
		_, err := server.Exec(s.t.Context(), "create database "+name+" template ledgerboard")
		require.NoError(s.t, err)
		s.database = strings.Replace(s.postgres.URL(), "/ledgerboard?", "/"+name+"?", 1)
	}
	conn := s.connect(s.database)
	_, err := conn.Exec(s.t.Context(), "set search_path = lb_dashboards_g1, lb_directory_g1, lb_operations_g1, lb_engine")
	require.NoError(s.t, err)
	result, err := conn.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err, sql)
	require.Positive(s.t, result.RowsAffected()+int64(strings.Count(sql, "truncate")), "the attack changed nothing: %s", sql)
	require.NoError(s.t, conn.Close(s.t.Context()))
}

func (s *scene) connect(url string) *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), url)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close(s.t.Context()) })
	return conn
}

// verify runs the command on the scene.
func (s *scene) verify(args ...string) ran {
	s.t.Helper()
	if s.service != nil {
		return command(s.t, s.service.variables(), append([]string{"verify", "--key", s.key}, args...)...)
	}
	variables := map[string]string{"LOG_LEVEL": "error"}
	if s.database != "" {
		variables["DATABASE_URL"] = s.database
	}
	return command(s.t, variables, append([]string{"verify", "--data-dir", s.dir, "--key", s.key}, args...)...)
}

func untouched() []attack {
	return []attack{{name: "nothing is done", by: "nobody", shows: clean, never: "Findings:", do: func(*scene) {}}}
}

// asItIs opens the log of the scene whatever is wrong with it.
func (s *scene) asItIs(addrs []string) eventlog.Config {
	s.t.Helper()
	raw, err := os.ReadFile("../../../deploy/topics.json")
	require.NoError(s.t, err)
	topics, err := eventlog.ParseTopics(raw)
	require.NoError(s.t, err)
	return eventlog.Config{Brokers: addrs, Topics: eventlog.OnOneBroker(topics, nil), Existing: true, Unsafe: func(error) {}}
}
