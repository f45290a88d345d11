package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// audited is a log on a broker, projected into tables, with one checkpoint.
type audited struct {
	db    *pgtest.DB
	parts *app.Parts
	log   *eventlog.Log
	heads map[string]domain.StreamHead
	dir   string // data directory, with checkpoint.pub

	signer *proof.Signer
}

var auditedAgencies = []string{"aa0000000000000000000001", "aa0000000000000000000002", "aa0000000000000000000003"}

func newAudited(t *testing.T, changes int) *audited {
	t.Helper()
	a := &audited{db: pgtest.New(t), heads: map[string]domain.StreamHead{}, dir: t.TempDir()}
	a.parts = app.NewParts(app.Config{Storage: app.Storage{DatabaseURL: a.db.URL}, Embedded: embedded.Directory{Path: a.dir}})
	t.Cleanup(func() { require.NoError(t, a.parts.Close()) })
	require.NoError(t, a.parts.OpenLog(t.Context()))
	a.log = a.parts.Log
	var drafts []domain.Draft
	for n := range changes {
		drafts = append(drafts, a.change(t, auditedAgencies[n%len(auditedAgencies)]))
	}
	require.NoError(t, a.log.AppendBulk(t.Context(), drafts))
	engines, err := a.parts.Engines(t.Context(), projectors.Dashboards.Name)
	require.NoError(t, err)
	stop := ledgertest.Run(t, engines[0].Run)
	ledgertest.CaughtUp(t, engines[0])
	stop()
	a.signer = a.newSigner(t)
	a.sign(t)
	return a
}

// change returns the next change of an agency: it links two clients and replaces a user, who loses
// access. Some changes also change the scopes, and close or open the dashboards.
func (a *audited) change(t *testing.T, agency string) domain.Draft {
	t.Helper()
	head := a.heads[agency]
	version, prev := head.Version+1, head.Hash
	if head.Version == 0 {
		prev = eventlog.Genesis(domain.TopicDashboards, agency)
	}
	clients := []string{"c10000000000000000000001", "c10000000000000000000002"}
	change := domain.DashboardChange{
		Primary: clients[0], Linked: clients, Users: []string{"d10000000000000000000001", fmt.Sprintf("d2%022x", version)},
		Scopes: []string{"posts", "roi"}[:1+version/2%2], AllowClientDashboard: version%5 != 4,
		LostAccess: []string{fmt.Sprintf("d2%022x", version-1)}, MainPOC: map[string][]string{clients[0]: {"e10000000000000000000001"}},
	}
	if version == 1 {
		change.LostAccess, change.Created = nil, map[string]string{
			clients[0]: domain.NewDashboardID(agency, clients[0]), clients[1]: domain.NewDashboardID(agency, clients[1]),
		}
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

func (a *audited) sign(t *testing.T) {
	t.Helper()
	_, signed, err := a.signer.Sign(t.Context())
	require.NoError(t, err)
	require.True(t, signed)
}

func (a *audited) newSigner(t *testing.T) *proof.Signer {
	t.Helper()
	private, public, err := proof.GenerateKey()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(a.dir, app.PublicKeyFile), []byte(public+"\n"), 0o600))
	key, _, err := proof.ParseKey(private)
	require.NoError(t, err)
	known, err := proof.ParseVerifiers(public)
	require.NoError(t, err)
	return proof.NewSigner(proof.SignerConfig{
		Source: a.log, Append: a.log.Append, Key: key, Verifiers: known,
		Now: time.Now, Every: time.Hour, Logger: ledgertest.Quiet,
	})
}

func (a *audited) storage() storage {
	return storage{DataDir: a.dir, KafkaBrokers: a.parts.Brokers(), DatabaseURL: a.db.URL}
}

func (a *audited) settings(t *testing.T, roles ...string) settings {
	t.Helper()
	s := eraseSettings(a.storage())
	s.Roles = roles
	s.DataDir = t.TempDir()
	return s
}

func (a *audited) verify(t *testing.T, c verifyCommand) (report proof.Report, err error) {
	t.Helper()
	c.storage, c.logging, c.JSON = a.storage(), quiet, true
	out, err := runCommand(t, c)
	require.NoError(t, json.Unmarshal([]byte(out), &report), "%s %v", out, err)
	return report, err
}

func TestVerifyCommandReportsCoverage(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 60)
	report, err := a.verify(t, verifyCommand{All: true})
	require.NoError(t, err)
	require.Equal(t, int64(60), report.Covered)
	report, err = a.verify(t, parsed(t, "verify", "--parent", strings.ToUpper(auditedAgencies[0])).Verify)
	require.NoError(t, err)
	require.Equal(t, int64(1), report.Agencies)

	kept := newFile(t, "kept.txt", "not one\n")
	for _, ignored := range [][]string{
		{"--tables", "--kept", kept}, {"--all", "--trust-bundle-key"},
	} {
		_, err := runCommand(t, parsed(t, append([]string{"verify"}, ignored...)...).Verify)
		require.ErrorAs(t, err, new(usageError), "%s", ignored)
	}
	report, err = a.verify(t, verifyCommand{All: true, Kept: newFile(t, "checkpoints.txt", "not one\n")})
	require.ErrorIs(t, err, errFindings)
	require.Equal(t, exitFindings, exitCode(err, &bytes.Buffer{}))
	require.Len(t, report.Findings, 1)
	require.Equal(t, 1, report.Checkpoints)
	_, err = runCommand(t, verifyCommand{installation: installation{a.storage(), quiet}, All: true, Kept: newFile(t, "empty.txt", "")})
	require.ErrorContains(t, err, "it contains neither a checkpoint nor a bundle")

	out, err := runCommand(t, verifyCommand{installation: installation{a.storage(), quiet}, Parent: "ff0000000000000000000001"})
	require.ErrorContains(t, err, "nothing was verified")
	require.Empty(t, out)
}

// The bundle written by the command verifies without log and database, and replays.
func TestExportedBundleVerifiesOffline(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 30)
	path, nowhere := filepath.Join(t.TempDir(), "agency.bundle"), storage{DataDir: t.TempDir()}
	export := exportCommand{installation: installation{a.storage(), quiet}, Parent: auditedAgencies[0], Bundle: path}
	require.Contains(t, mustRun(t, export), "contains 10 records")
	text := readFile(t, path)
	require.NotContains(t, text, auditedAgencies[1])

	key := evidence{Keys: []string{filepath.Join(a.dir, app.PublicKeyFile)}}
	public := strings.TrimSpace(readFile(t, key.Keys[0]))
	said := mustRun(t, verifyCommand{installation: installation{storage: nowhere}, evidence: key, Bundle: path})
	require.Contains(t, said, "versions 1 to 10 are the ones that were signed")
	require.Contains(t, said, public)
	// a checkpoint.pub in the current directory is not trusted
	unnamed := verifyCommand{installation: installation{storage: storage{DataDir: a.dir}}, Bundle: path}
	requireUsageError(t, unnamed, public) // the key named in the bundle
	unnamed.TrustBundleKey = true
	mustRun(t, unnamed)

	_, err := runCommand(t, export)
	require.ErrorAs(t, err, new(usageError), "the file exists")
	export.Force = true
	mustRun(t, export)

	fromBundle := mustRun(t, replayCommand{installation: installation{storage: nowhere}, evidence: key, Bundle: path, Format: "json"})
	require.Equal(t, 20, strings.Count(fromBundle, "\n"), "two dashboards change each time")
	require.Equal(t, fromBundle, mustRun(t, replayCommand{installation: installation{a.storage(), quiet}, Parent: auditedAgencies[0], Format: "json"}))

	// A later bundle is compared with the kept one, and leads to its checkpoint.
	require.NoError(t, a.log.AppendBulk(t.Context(), []domain.Draft{a.change(t, auditedAgencies[0])}))
	a.sign(t)
	later := exportCommand{installation: export.installation, Parent: auditedAgencies[0], Bundle: path + ".later"}
	require.Contains(t, mustRun(t, later), "covers 11 of them")
	compared := verifyCommand{installation: installation{storage: nowhere}, evidence: key, Bundle: later.Bundle, Kept: path}
	require.Contains(t, mustRun(t, compared), "versions 1 to 11 are")
	later.Kept, later.Force = path, true
	require.Contains(t, mustRun(t, later), "covers 10 of them")
	require.Contains(t, mustRun(t, compared), "Versions 11 to 11 lie after it")
	compared.Bundle, compared.Kept = path, later.Bundle
	_, err = runCommand(t, compared)
	require.ErrorIs(t, err, errBundleFindings)
	later.Kept = newFile(t, "nothing.txt", "nothing\n")
	requireUsageError(t, later, "contains no checkpoint")

	altered := newFile(t, "altered.bundle", strings.Replace(text, `"version":3,`, `"version":4,`, 1))
	_, err = runCommand(t, verifyCommand{installation: installation{storage: nowhere}, evidence: key, Bundle: altered})
	require.ErrorIs(t, err, errBundleFindings)
	later.Kept = altered
	_, err = runCommand(t, later)
	require.ErrorContains(t, err, "the kept bundle is not valid: the line states version 4")
	export.Parent, export.Bundle = "ff0000000000000000000001", path+"2"
	_, err = runCommand(t, export)
	require.Error(t, err)
	left, err := filepath.Glob(path + "2*")
	require.NoError(t, err)
	require.Empty(t, left, "a failed export leaves no file")
}

// The records that a span names have the hashes that they have in a verified bundle, and did there
// what the span says. Spans name all records of the bundle, since each changed a list.
func TestAccessSpansMatchRecordsInBundle(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 30)
	path, key := filepath.Join(t.TempDir(), "agency.bundle"), evidence{Keys: []string{filepath.Join(a.dir, app.PublicKeyFile)}}
	mustRun(t, exportCommand{installation: installation{a.storage(), quiet}, Parent: auditedAgencies[0], Bundle: path})
	replay := replayCommand{installation: installation{storage: storage{DataDir: t.TempDir()}}, evidence: key, Bundle: path, Format: "json"}
	type recordKey struct {
		version   int64
		dashboard string
	}
	changes := map[recordKey]proof.Change{}
	for line := range strings.Lines(mustRun(t, replay)) {
		var change proof.Change
		require.NoError(t, json.Unmarshal([]byte(line), &change))
		changes[recordKey{change.Version, change.Dashboard}] = change
	}
	require.Len(t, changes, 20)
	spans, _, err := (&history.History{Pool: a.db.ReadOnly}).Spans(t.Context(),
		history.Query{ParentAccount: auditedAgencies[0], From: history.Moment{Time: time.Unix(0, 0)}, Limit: 1000})
	require.NoError(t, err)
	named := map[recordKey]bool{}
	for _, s := range spans {
		check := func(what string, r *history.Record, did func(proof.Change) bool) {
			if r == nil {
				return
			}
			key := recordKey{r.Version, s.Dashboard.ID}
			require.Equal(t, changes[key].Hash, r.Hash, "%s version %d", what, r.Version)
			require.True(t, did(changes[key]), "%s version %d: %v", what, r.Version, changes[key])
			named[key] = true
		}
		added := func(c proof.Change) bool { return slices.Contains(c.UsersAdded, s.User.ID) }
		opened := func(c proof.Change) bool { return c.Allow != nil && *c.Allow }
		check("listed by", &s.ListedBy, added)
		check("allowed by", &s.AllowedBy, opened)
		check("began by", &s.BeganBy, func(c proof.Change) bool { return added(c) || opened(c) || c.Scopes != nil })
		check("ended by", s.EndedBy, func(c proof.Change) bool {
			return slices.Contains(c.UsersRemoved, s.User.ID) || c.Allow != nil && !*c.Allow || c.Scopes != nil
		})
		for _, scope := range s.Scopes {
			check("given by", &scope.GivenBy, func(c proof.Change) bool { return slices.Contains(c.Scopes, scope.Scope) })
		}
	}
	require.Len(t, named, len(changes))
}

// An interrupted command says so, says what state it leaves, and has its own exit code.
func TestInterruptedCommandReportsStateAndExitCode(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	bundle := filepath.Join(t.TempDir(), "bundle.jsonl")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []command{
		verifyCommand{installation: installation{a.storage(), quiet}, All: true},
		verifyCommand{installation: installation{a.storage(), quiet}, Tables: true},
		exportCommand{installation: installation{a.storage(), quiet}, Parent: auditedAgencies[0], Bundle: bundle},
		replayCommand{installation: installation{a.storage(), quiet}, Parent: auditedAgencies[0], Format: "json"},
	} {
		var said bytes.Buffer
		require.Equal(t, exitInterrupted, exitCode(c.Run(ctx, streams{Out: io.Discard, Err: io.Discard}), &said), "%T", c)
		require.Contains(t, said.String(), "interrupted: ", "%T", c)
		require.NoFileExists(t, bundle)
	}
	left, err := os.ReadDir(filepath.Dir(bundle))
	require.NoError(t, err)
	require.Empty(t, left)
}

// The live tables are compared with the log; differences are reported, and a check that cannot be
// made is not a success.
func TestVerifyTablesCommandReportsDifferences(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 30)
	command := verifyCommand{installation: installation{a.storage(), quiet}, Tables: true, JSON: true}
	said, err := runCommand(t, command)
	require.ErrorIs(t, err, projections.ErrNotLive, "only dashboards are folded here")
	reports := map[string]projections.Report{}
	for from := json.NewDecoder(strings.NewReader(said)); from.More(); {
		var r projections.Report
		require.NoError(t, from.Decode(&r))
		reports[r.Projection] = r
	}
	require.True(t, reports["dashboards"].Equal)
	require.Empty(t, reports["dashboards"].Behind)
	require.NotContains(t, reports, "operations")

	ledgertest.Exec(t, a.db.Pool, "update dashboard_history set role = 'x' where parent_account = $1 and version = 7", auditedAgencies[1])
	command.JSON = false
	said, err = runCommand(t, command)
	require.ErrorIs(t, err, errTableFindings)
	require.Equal(t, exitFindings, exitCode(err, &bytes.Buffer{}))
	require.Contains(t, said, "dashboards, generation 1")
	require.Contains(t, said, "DIFFERENT")
	require.Contains(t, said, `agency "`+auditedAgencies[1]+`"`)
	require.Contains(t, said, `event "`+auditedAgencies[1]+`.7"`)
	require.Contains(t, said, "version=7")
}
