package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/dev/produce"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// audited is a log on a broker, projected into tables, with one checkpoint.
type audited struct {
	db    *pgtest.DB
	parts *assembly.Parts
	log   *eventlog.Log
	heads map[string]domain.StreamHead
	dir   string // data directory, with checkpoint.pub

	signer *proof.Signer // made by the first signing
}

var auditedAgencies = []string{"aa0000000000000000000001", "aa0000000000000000000002", "aa0000000000000000000003"}

func newAudited(t *testing.T, changes int) *audited {
	t.Helper()
	a := &audited{db: pgtest.New(t), heads: map[string]domain.StreamHead{}, dir: t.TempDir()}
	var err error
	a.parts = assembly.NewParts(assembly.Settings{DatabaseURL: a.db.URL, Embedded: embedded.Directory{Path: a.dir}})
	t.Cleanup(func() { require.NoError(t, a.parts.Close()) })
	a.log, err = a.parts.Log(t.Context())
	require.NoError(t, err)
	var drafts []domain.Draft
	for n := range changes {
		drafts = append(drafts, a.change(t, auditedAgencies[n%len(auditedAgencies)]))
	}
	require.NoError(t, a.log.AppendBulk(t.Context(), drafts))
	a.project(t, changes)
	a.sign(t)
	return a
}

// change is an agency's next change: it links two clients and exchanges a user, who loses access.
func (a *audited) change(t *testing.T, agency string) domain.Draft {
	t.Helper()
	head := a.heads[agency]
	version, prev := head.Version+1, head.Hash
	if head.Version == 0 {
		prev = eventlog.Genesis(domain.TopicDashboards, agency)
	}
	clients := []string{"c10000000000000000000001", "c10000000000000000000002"}
	change := domain.DashboardChange{
		Primary: clients[0], Linked: clients, Users: []string{fmt.Sprintf("d2%022x", version)}, Scopes: []string{"posts"},
		MainPOC: map[string][]string{clients[0]: {"e10000000000000000000001"}},
	}
	if version == 1 {
		change.Created = map[string]string{}
		for _, id := range clients {
			change.Created[id] = domain.NewDashboardID(agency, id)
		}
	} else {
		change.LostAccess = []string{fmt.Sprintf("d2%022x", version-1)}
	}
	at := time.Date(2026, 3, 14, 0, 0, int(version), 123456000, time.UTC)
	draft := domain.Draft{
		Topic: domain.TopicDashboards, Key: agency, Data: domain.AccountsLinked{DashboardChange: change},
		Envelope: domain.Envelope{
			ID: fmt.Sprintf("%s.%d", agency, version), Subject: clients[0], Time: at,
			Chain: &domain.ChainLink{Version: version, Prev: prev},
			Audit: domain.Audit{Actor: "actor", Role: "agency", CommandID: fmt.Sprintf("c-%d", version), RequestID: "r"},
		},
	}
	r, err := a.log.Codec().Encode(draft)
	require.NoError(t, err)
	a.heads[agency] = domain.StreamHead{Version: version, Hash: eventlog.RecordHash(prev, r), Time: at}
	return draft
}

func (a *audited) project(t *testing.T, records int) {
	t.Helper()
	engines, err := a.parts.Engines(t.Context(), projectors.Dashboards{}.Name())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- engines[0].Run(ctx) }()
	require.Eventually(t, func() bool {
		var folded int
		row := a.db.Pool.QueryRow(ctx, "select coalesce(sum(next_offset), 0) from checkpoints where state = 'live'")
		return row.Scan(&folded) == nil && folded == records
	}, patience, 20*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}

func (a *audited) sign(t *testing.T) {
	t.Helper()
	if a.signer == nil {
		a.signer = a.newSigner(t)
	}
	_, signed, err := a.signer.Sign(t.Context())
	require.NoError(t, err)
	require.True(t, signed)
}

func (a *audited) newSigner(t *testing.T) *proof.Signer {
	t.Helper()
	private, public, err := proof.GenerateKey()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(a.dir, checkpointPublic), []byte(public+"\n"), 0o600))
	key, _, err := proof.ParseKey(private)
	require.NoError(t, err)
	known, err := proof.ParseVerifiers(public)
	require.NoError(t, err)
	return proof.NewSigner(proof.SignerConfig{
		Source: a.log, Append: a.log.Append, Key: key, Known: known,
		Lock: signingLock(a.db.Pool, frozenAfter, slog.New(slog.DiscardHandler)), Now: time.Now, Every: time.Hour, Logger: slog.New(slog.DiscardHandler),
	})
}

func (a *audited) storage() storage {
	brokers, _ := a.parts.Brokers(context.Background()) // started
	return storage{DataDir: a.dir, KafkaBrokers: brokers, DatabaseURL: a.db.URL}
}

// verify runs the command.
func (a *audited) verify(t *testing.T, c verifyCommand) (proof.Report, error) {
	t.Helper()
	c.storage, c.JSON = a.storage(), true
	c.logging = logging{LogLevel: "error"}
	var out, progress bytes.Buffer
	err := c.Run(t.Context(), streams{Out: &out, Err: &progress})
	var report proof.Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &report), "%s %v", out.String(), err)
	return report, err
}

func TestVerifyCommand(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 60)
	report, err := a.verify(t, verifyCommand{All: true})
	require.NoError(t, err)
	require.Equal(t, int64(60), report.Covered)
	report, err = a.verify(t, verifyCommand{Parent: strings.ToUpper(auditedAgencies[0])})
	require.NoError(t, err)
	require.Equal(t, int64(1), report.Agencies)

	kept := filepath.Join(t.TempDir(), "checkpoints.txt")
	require.NoError(t, os.WriteFile(kept, []byte("not one\n"), 0o600))
	report, err = a.verify(t, verifyCommand{All: true, Checkpoints: kept})
	require.ErrorIs(t, err, errFindings)
	require.Equal(t, exitFindings, exitCode(err, &bytes.Buffer{}))
	require.Len(t, report.Findings, 1)
	require.Equal(t, 1, report.Checkpoints)
}

// An invalid record belongs to no chain: it is skipped and counted, and is not a finding.
func TestVerifyCountsInvalidRecords(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 60)
	brokers := a.storage().KafkaBrokers
	for _, key := range []string{auditedAgencies[0], "no key of an agency"} {
		r := eventlog.Record{Topic: domain.TopicDashboards, Key: []byte(key), Value: []byte("{}")}
		_, err := produce.Record(t.Context(), brokers, r, 0)
		require.NoError(t, err)
	}
	report, err := a.verify(t, verifyCommand{All: true})
	require.NoError(t, err, "%v", report.Findings)
	require.Equal(t, int64(2), report.Skipped)
	require.Equal(t, int64(60), report.Effective)
}

// The bundle that the command writes verifies without log and database, and replays.
func TestExportCommand(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 30)
	path := filepath.Join(t.TempDir(), "agency.bundle")
	var out, progress bytes.Buffer
	s := streams{Out: &out, Err: &progress}
	quiet := logging{LogLevel: "error"}
	require.NoError(t, exportCommand{storage: a.storage(), logging: quiet, Parent: auditedAgencies[0], Bundle: path}.Run(t.Context(), s))
	require.Contains(t, out.String(), "holds 10 records")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(raw), auditedAgencies[1])

	key := evidence{Keys: []string{filepath.Join(a.dir, checkpointPublic)}}
	nowhere := storage{DataDir: t.TempDir()}
	out.Reset()
	require.NoError(t, verifyCommand{storage: nowhere, evidence: key, Bundle: path}.Run(t.Context(), s))
	require.Contains(t, out.String(), "10 records are what was signed")
	public, err := os.ReadFile(key.Keys[0])
	require.NoError(t, err)
	require.Contains(t, out.String(), strings.TrimSpace(string(public)))
	unnamed := verifyCommand{storage: storage{DataDir: a.dir}, Bundle: path} // where a checkpoint.pub lies, which is nobody's word
	err = unnamed.Run(t.Context(), s)
	require.ErrorAs(t, err, new(usageError))
	require.ErrorContains(t, err, strings.TrimSpace(string(public)), "the key that it names")
	unnamed.TrustBundleKey = true
	require.NoError(t, unnamed.Run(t.Context(), s))

	again := exportCommand{storage: a.storage(), logging: quiet, Parent: auditedAgencies[0], Bundle: path}
	require.ErrorAs(t, again.Run(t.Context(), s), new(usageError), "a file is there")
	again.Force = true
	require.NoError(t, again.Run(t.Context(), s))

	out.Reset()
	require.NoError(t, replayCommand{storage: nowhere, evidence: key, Bundle: path, Format: "json"}.Run(t.Context(), s))
	fromBundle := out.String()
	require.Equal(t, 20, strings.Count(fromBundle, "\n"), "two dashboards change each time")
	out.Reset()
	require.NoError(t, replayCommand{storage: a.storage(), logging: quiet, Parent: auditedAgencies[0], Format: "json"}.Run(t.Context(), s))
	require.Equal(t, fromBundle, out.String())

	require.NoError(t, os.WriteFile(path, bytes.Replace(raw, []byte(`"version":3,`), []byte(`"version":4,`), 1), 0o600))
	require.ErrorIs(t, verifyCommand{storage: nowhere, evidence: key, Bundle: path}.Run(t.Context(), s), errBundleFindings)
	require.Error(t, exportCommand{storage: a.storage(), logging: quiet, Parent: "ff0000000000000000000001", Bundle: path + "2"}.Run(t.Context(), s))
	left, err := filepath.Glob(path + "2*")
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left of an export that failed")
}

// What a signal cuts says so, says what it leaves, and has an exit code of its own.
func TestCutCommands(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	quiet := logging{LogLevel: "error", LogFormat: "text"}
	bundle := filepath.Join(t.TempDir(), "bundle.jsonl")
	for name, run := range map[string]func(ctx context.Context, s streams) error{
		"verify": verifyCommand{storage: a.storage(), logging: quiet, All: true}.Run,
		"export": exportCommand{storage: a.storage(), logging: quiet, Parent: auditedAgencies[0], Bundle: bundle}.Run,
		"replay": replayCommand{storage: a.storage(), logging: quiet, Parent: auditedAgencies[0], Format: "json"}.Run,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := run(ctx, streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
		var said bytes.Buffer
		require.Equal(t, exitCut, exitCode(err, &said), name)
		require.Contains(t, said.String(), "interrupted: ", name)
		require.NoFileExists(t, bundle)
	}
	left, err := os.ReadDir(filepath.Dir(bundle))
	require.NoError(t, err)
	require.Empty(t, left)
}
