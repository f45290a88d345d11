package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// found runs verify --all and returns its findings; the exit code must say that there are some.
func (a *audited) found(t *testing.T, c verifyCommand) []proof.Finding {
	t.Helper()
	c.All = true
	report, err := a.verify(t, c)
	require.ErrorIs(t, err, errFindings)
	require.Equal(t, exitFindings, exitCode(err, &bytes.Buffer{}))
	return report.Findings
}

func (a *audited) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := a.db.Pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// Tables that somebody emptied and set back to the beginning agree with any log; that they stand still tells. An operator's
// pause is no finding, and is said.
func TestVerifyFindsTablesThatStandStill(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 9)
	a.exec(t, "truncate dashboard_history, dashboard_heads, dashboard_preferences, access_notices, dashboard_commands")
	a.exec(t, "update checkpoints set next_offset = 0")
	findings := a.found(t, verifyCommand{patience: time.Nanosecond})
	require.Len(t, findings, 1, "%v", findings)
	require.Equal(t, proof.KindTables, findings[0].Kind)
	require.Equal(t, []string{"position"}, findings[0].Differs)
	require.Contains(t, findings[0].Detail, "have not folded 9 records")
	require.Contains(t, findings[0].Detail, "start it and verify again", "a crash leaves the same")

	var out bytes.Buffer
	tables := verifyCommand{storage: a.storage(), logging: logging{LogLevel: "error"}, Tables: true, patience: time.Nanosecond}
	err := tables.Run(t.Context(), streams{Out: &out, Err: &bytes.Buffer{}})
	require.ErrorIs(t, err, errTableFindings)
	require.ErrorContains(t, err, "have not folded 9 records")
	require.Contains(t, out.String(), "BEHIND the log")
	require.NotContains(t, out.String(), "and equal to the log")
	out.Reset()
	tables.JSON = true
	require.ErrorIs(t, tables.Run(t.Context(), streams{Out: &out, Err: &bytes.Buffer{}}), errTableFindings)
	report := reportsIn(t, out.String())["dashboards"]
	require.False(t, report.Equal)
	require.Contains(t, report.Behind, "have not folded 9 records")
	require.NotEmpty(t, report.Tables)

	// Emptied tables whose checkpoints are gone too hold as little; so do tables that the database knows no longer.
	a.exec(t, "delete from checkpoints")
	require.Contains(t, a.found(t, verifyCommand{patience: time.Nanosecond})[0].Detail, "have not folded 9 records")
	a.exec(t, "delete from pointer")
	a.exec(t, "delete from generations")
	findings = a.found(t, verifyCommand{patience: time.Nanosecond})
	require.Len(t, findings, 1, "%v", findings)
	require.Equal(t, []string{"generation"}, findings[0].Differs)
	out.Reset()
	err = tables.Run(t.Context(), streams{Out: &out, Err: &bytes.Buffer{}})
	require.Equal(t, exitFindings, exitCode(err, &bytes.Buffer{}))
	require.Contains(t, reportsIn(t, out.String())["dashboards"].Note, "there are no tables of dashboards")
}

// Tables that stand where the log does not reach are a finding beside those of the log: the end was cut off, or somebody set them forward.
func TestVerifyFindsTablesBeyondTheLog(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	a.exec(t, "update checkpoints set next_offset = next_offset + 10")
	findings := a.found(t, verifyCommand{})
	require.Equal(t, proof.KindTables, findings[len(findings)-1].Kind, "%v", findings)
	require.Contains(t, findings[len(findings)-1].Detail, "or somebody set them forward")

	var out bytes.Buffer
	tables := verifyCommand{storage: a.storage(), logging: logging{LogLevel: "error"}, Tables: true, patience: time.Nanosecond, JSON: true}
	err := tables.Run(t.Context(), streams{Out: &out, Err: &bytes.Buffer{}})
	require.Equal(t, exitFindings, exitCode(err, &bytes.Buffer{}))
	require.Contains(t, reportsIn(t, out.String())["dashboards"].Note, "or somebody set them forward")
}

// A command that runs the storage itself waits for nobody: no service can fold meanwhile.
func TestVerifyWaitsForNobodyWithItsOwnStorage(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	engines, err := a.parts.Engines(t.Context(), "dashboards")
	require.NoError(t, err)
	a.exec(t, "update checkpoints set next_offset = 0")
	c := verifyCommand{storage: storage{DataDir: a.dir, DatabaseURL: a.db.URL}, patience: time.Hour}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	waited, err := c.awaitTables(ctx, streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, a.log, engines[0])
	require.NoError(t, err)
	require.NotNil(t, waited.found)
	require.Contains(t, waited.found.Detail, "while this command runs log or database itself")
}

// Brokers without topics are a finding, and stay without.
func TestVerifyMakesNoTopics(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	dir := t.TempDir()
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{DataDir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	at := a.storage()
	at.KafkaBrokers = broker.Addrs()
	run := func(c verifyCommand) error {
		c.storage, c.logging = at, logging{LogLevel: "error"}
		return c.Run(t.Context(), streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
	}
	var out bytes.Buffer
	missing := verifyCommand{storage: at, logging: logging{LogLevel: "error"}, Tables: true, JSON: true}
	require.ErrorIs(t, missing.Run(t.Context(), streams{Out: &out, Err: &bytes.Buffer{}}), errFindings)
	require.Contains(t, reportsIn(t, out.String())[""].Note, "do not hold the whole log")
	for range 2 { // the first one made none
		require.ErrorIs(t, run(verifyCommand{All: true}), errFindings)
		require.ErrorIs(t, run(verifyCommand{Tables: true}), errFindings)
	}
	quiet := logging{LogLevel: "error"}
	s := streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}
	require.ErrorIs(t, replayCommand{storage: at, logging: quiet, Parent: auditedAgencies[0], Format: "json"}.Run(t.Context(), s), eventlog.ErrNoTopic)
	bundle := filepath.Join(dir, "bundle")
	require.ErrorIs(t, exportCommand{storage: at, logging: quiet, Parent: auditedAgencies[0], Bundle: bundle}.Run(t.Context(), s), eventlog.ErrNoTopic)
}

// A key to which no checkpoint is left, and one that is too old, end with the exit code of findings.
func TestVerifyMissesCheckpoints(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	require.Equal(t, []string{"age"}, a.found(t, verifyCommand{LogOnly: true, checkpointInterval: checkpointInterval{time.Nanosecond}})[0].Differs)
	_, public, err := proof.GenerateKey()
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(a.dir, checkpointList)))
	other := verifyCommand{LogOnly: true}
	other.Keys = []string{public}
	findings := a.found(t, other)
	require.Len(t, findings, 2, "a signature of an unknown key, and none of the known one: %v", findings)
}

// Who can write to the database can write a pause there, too, and tables that were set back would pass as paused. The log has the pauses that count.
func TestVerifyBelievesNoPauseOfTheDatabaseAlone(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 9)
	a.exec(t, "truncate dashboard_history, dashboard_heads, dashboard_preferences, access_notices, dashboard_commands")
	a.exec(t, "update checkpoints set next_offset = 0")
	a.exec(t, "insert into kept.pauses (kind, name, since, actor, code, ticket) values ('projection', 'dashboards', now(), 'an operator', 'test', '')")
	acts := func(action domain.OperatorAction, outcome domain.OperatorOutcome, name string) {
		t.Helper()
		a.finish(t, a.announce(t, action, name), action, outcome)
	}
	nobody := func(why string) {
		t.Helper()
		findings := a.found(t, verifyCommand{})
		require.Len(t, findings, 1, "%s: %v", why, findings)
		require.Equal(t, []string{"pause"}, findings[0].Differs)
		require.Contains(t, findings[0].Detail, "have not folded 9 records")
		require.Contains(t, findings[0].Detail, "'ledgerboard resume dashboards'")
	}
	operator := func(why string) {
		t.Helper()
		report, err := a.verify(t, verifyCommand{All: true})
		require.NoError(t, err, "%s: %v", why, report.Findings)
		require.True(t, slices.ContainsFunc(report.Notes, func(n string) bool { return strings.Contains(n, "an operator has paused the tables of dashboards") }), "%v", report.Notes)
	}
	nobody("the log has no pause")
	acts(domain.ActionProjectionPaused, domain.OutcomeDone, "contents")
	nobody("another projection was paused")
	acts(domain.ActionProjectionPaused, domain.OutcomeDone, "dashboards")
	operator("it was paused")
	acts(domain.ActionProjectionResumed, domain.OutcomeFailed, "dashboards")
	acts(domain.ActionProjectionResumed, domain.OutcomeDone, "contents")
	operator("nobody knows that it was resumed")
	acts(domain.ActionProjectionResumed, domain.OutcomeDone, "dashboards")
	nobody("it was resumed")
}

// announce records that an operator is about to pause or resume a projection, and returns the id of that.
func (a *audited) announce(t *testing.T, action domain.OperatorAction, name string) string {
	t.Helper()
	return a.operates(t, domain.OperatorActed{
		Action: action, Target: domain.OperatorTarget{Projection: name}, Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-1"},
	})
}

// finish records what came of that.
func (a *audited) finish(t *testing.T, of string, action domain.OperatorAction, outcome domain.OperatorOutcome) {
	t.Helper()
	finished := domain.OperatorFinished{Of: of, Action: action, Outcome: outcome}
	if outcome != domain.OutcomeDone {
		finished.Code = domain.CodeUnavailable
	}
	a.operates(t, finished)
}

func (a *audited) operates(t *testing.T, data domain.Data) string {
	t.Helper()
	draft := commands.NewDraft(domain.TopicOperations, domain.OperationsKeyAll, data, time.Now())
	draft.Envelope.Audit.Actor = "an operator"
	require.NoError(t, a.log.Append(t.Context(), draft))
	return draft.Envelope.ID
}

// A pause that an operator ends while verify looks is nobody's edit.
func TestVerifyAccusesNobodyOfAPauseThatEndsMeanwhile(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 9)
	const pause = "insert into kept.pauses (kind, name, since, actor, code, ticket) values ('projection', 'dashboards', now(), 'an operator', 'test', '')"
	paused := a.announce(t, domain.ActionProjectionPaused, "dashboards")
	a.exec(t, pause)
	a.finish(t, paused, domain.ActionProjectionPaused, domain.OutcomeDone)
	require.NoError(t, a.log.Append(t.Context(), a.change(t, auditedAgencies[0])))

	held, err := a.db.Pool.Begin(t.Context()) // verify stops at what it asks after whether the projection is paused
	require.NoError(t, err)
	_, err = held.Exec(t.Context(), "lock table lb_engine.rebuilds in access exclusive mode")
	require.NoError(t, err)
	var out bytes.Buffer
	done := make(chan error, 1)
	c := verifyCommand{storage: a.storage(), logging: logging{LogLevel: "error"}, All: true, patience: time.Nanosecond}
	go func() { done <- c.Run(t.Context(), streams{Out: &out, Err: &bytes.Buffer{}}) }()
	require.Eventually(t, func() bool {
		var waits bool
		return a.db.Pool.QueryRow(t.Context(), `select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
			and query like '%from rebuilds%')`).Scan(&waits) == nil && waits
	}, patience, 20*time.Millisecond)
	resumed := a.announce(t, domain.ActionProjectionResumed, "dashboards")
	a.exec(t, "delete from kept.pauses")
	a.finish(t, resumed, domain.ActionProjectionResumed, domain.OutcomeDone)
	require.NoError(t, held.Rollback(t.Context()))
	require.Equal(t, exitFindings, exitCode(<-done, &bytes.Buffer{}))
	require.Contains(t, out.String(), "have not folded 1 records of the log, did not move", "nobody folds here")
	require.NotContains(t, out.String(), "no operator's pause")
}

// However long tables were waited for, a checkpoint that was signed meanwhile is not ahead of the clock.
func TestVerifyLooksAtTheClockOnceItReads(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	c := verifyCommand{All: true, checkpointInterval: checkpointInterval{time.Hour}}
	known, file, err := c.open(a.storage())
	require.NoError(t, err)
	asked := time.Now().Add(-time.Hour)
	report, err := c.run(t.Context(), streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, a.log, proof.VerifyConfig{Known: known, File: file, Every: c.CheckpointEvery, Now: asked})
	require.NoError(t, err)
	require.Empty(t, report.Findings)
	require.Equal(t, 1, report.Checkpoints)
}

// One pause is announced before another one's end, and made after it. Copies of records, which anybody at the brokers can make, end and begin none.
func TestPausesThatCross(t *testing.T) {
	t.Parallel()
	trail := pauseTrail{projection: "dashboards", announced: map[string]domain.OperatorAction{}}
	acted := func(id string, action domain.OperatorAction) domain.Recorded {
		return domain.Recorded{Envelope: domain.Envelope{ID: id}, Data: domain.OperatorActed{Action: action, Target: domain.OperatorTarget{Projection: "dashboards"}}}
	}
	finished := func(of string) domain.Recorded {
		return domain.Recorded{Data: domain.OperatorFinished{Of: of, Outcome: domain.OutcomeDone}}
	}
	for n, step := range []struct {
		recorded domain.Recorded
		paused   bool
	}{
		{acted("p1", domain.ActionProjectionPaused), true},
		{acted("r1", domain.ActionProjectionResumed), true},
		{finished("r1"), false},
		{finished("p1"), true},
		{finished("r1"), true},
		{acted("r2", domain.ActionProjectionResumed), true},
		{finished("r2"), false},
		{acted("p1", domain.ActionProjectionPaused), false},
		{finished("p1"), false},
	} {
		trail.take(step.recorded)
		require.Equal(t, step.paused, trail.paused, "step %d", n)
	}
}

// Tables that the database says are being made are waited for no longer than a look: what readers use is not being made.
func TestVerifyFindsTablesThatAreSaidToBeMade(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 9)
	a.exec(t, "truncate dashboard_history, dashboard_heads, dashboard_preferences, access_notices, dashboard_commands")
	a.exec(t, "update checkpoints set next_offset = 0")
	a.exec(t, "update generations set state = 'copying'")
	findings := a.found(t, verifyCommand{})
	require.Len(t, findings, 1, "%v", findings)
	require.Equal(t, []string{"generation"}, findings[0].Differs)
	require.Contains(t, findings[0].Detail, "both that it is being made and that readers use it")

	var out bytes.Buffer
	err := verifyCommand{storage: a.storage(), logging: logging{LogLevel: "error"}, Tables: true, JSON: true, patience: time.Nanosecond}.
		Run(t.Context(), streams{Out: &out, Err: &bytes.Buffer{}})
	require.Equal(t, exitFindings, exitCode(err, &bytes.Buffer{}))
	report := reportsIn(t, out.String())["dashboards"]
	require.False(t, report.Equal)
	require.Contains(t, report.Behind, "both that it is being made and that readers use it")
}

// What stands in the tables, or in a record, never steers the terminal of who verifies, nor adds a line to what is printed.
func TestVerifyPrintsNothingThatActs(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 9)
	const evil = "\x1b[2J\nNo finding: nothing was altered"
	a.exec(t, "update dashboard_history set actor = $1 where parent_account = $2 and version = 2", evil, auditedAgencies[0])
	a.exec(t, "update dashboard_preferences set sub_account_id = $1 where parent_account = $2 and sub_account_id = 'c10000000000000000000001'", evil, auditedAgencies[1])
	head := a.heads[auditedAgencies[0]]
	head.Version++
	a.heads[auditedAgencies[0]] = head
	require.NoError(t, a.log.Append(t.Context(), a.change(t, auditedAgencies[0])))
	a.heads = map[string]domain.StreamHead{}
	for _, c := range []verifyCommand{{All: true, patience: time.Nanosecond}, {Tables: true, patience: time.Nanosecond}} {
		var out bytes.Buffer
		c.storage, c.logging = a.storage(), logging{LogLevel: "error"}
		err := c.Run(t.Context(), streams{Out: &out, Err: &bytes.Buffer{}})
		require.Equal(t, exitFindings, exitCode(err, &bytes.Buffer{}))
		require.Contains(t, out.String(), "nothing was altered", "what was planted is shown")
		require.NotContains(t, out.String(), "\x1b")
		require.NotContains(t, out.String(), "\nNo finding")
	}
}
