package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

const importKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

const (
	bakery  = "c00000000000000000000011"
	cafe    = "c00000000000000000000012"
	florist = "c00000000000000000000013"
)

func sample(name string) string { return filepath.Join("testdata", "oldsystem", name) }

func importInto(at storage) importCommand {
	return importCommand{
		installation: installation{at, quiet}, Files: []string{sample("entities.jsonl")},
		TimeZone: "Europe/Berlin", GrowthWindow: 168 * time.Hour, SecretsKey: importKey, JSON: true,
	}
}

func moving(at storage) importCommand {
	c := importInto(at)
	c.Preferences = []string{sample("preferences.json"), sample("preferences_array.json")}
	c.Posts = []string{sample("tSPosts.csv")}
	c.AccountInsights = []string{sample("tSAccountIns.csv")}
	c.PostInsights = []string{sample("tSPostInsights.jsonl")}
	c.MemberAuth = []string{sample("tMemberAuth.csv")}
	return c
}

func runImport(t *testing.T, c importCommand) (report importReport, problems string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = c.Run(t.Context(), streams{Out: &out, Err: &errs})
	if out.Len() > 0 {
		require.NoError(t, json.Unmarshal(out.Bytes(), &report), out.String())
	}
	for _, secret := range []string{"invented-page-token-1", "invented-tiktok-token", "invented-tiktok-refresh"} {
		require.NotContains(t, out.String()+errs.String(), secret)
	}
	return report, errs.String(), err
}

var allOfIt = importCounts{Entities: 17, Connections: 3, Tokens: 2, Dashboards: 4, Posts: 3, AccountReadings: 3, PostReadings: 3}

// The import keeps ids and times of the old system; repeating it changes nothing.
func TestImportOldSystem(t *testing.T) {
	at := newStorage(t)
	at.DataDir = filepath.Join(at.DataDir, "data")
	dry := moving(at)
	dry.DryRun = true
	planned, _, err := runImport(t, dry)
	require.NoError(t, err)
	require.NoDirExists(t, at.DataDir, "a dry run creates nothing")

	report, progress, err := runImport(t, moving(at))
	require.NoError(t, err)
	require.Equal(t, allOfIt, report.Imported)
	require.Empty(t, report.Refused)
	require.Equal(t, 1, report.TokensAbsent)
	require.Contains(t, progress, "post readings", "plain lines without a terminal")
	planned.DryRun = false
	require.Equal(t, planned, report, "a dry run prints the same report")
	repairs := strings.Join(lines(report.Repairs), "\n")
	for _, want := range []string{
		"preferences.json line 4: account " + florist + ": sub_account_ids " + bakery + " does not name " + florist + " in return",
		"preferences.json line 4: account " + florist + ": sub_account_ids c00000000000000000000021 is not an account of this agency",
		"preferences.json line 2: account " + cafe + ": users d00000000000000000000021 is not a user of this agency",
		"preferences.json line 2: account " + cafe + ": users d00000000000000000000099 is not a user of this agency",
		`preferences.json line 2: account ` + cafe + `: scopes "Not a scope" is not a scope`,
	} {
		require.Contains(t, repairs, want)
	}
	require.Len(t, report.Repairs, 5)
	ends := importedEnds(t, at.DataDir)

	again, _, err := runImport(t, moving(at))
	require.NoError(t, err)
	require.Equal(t, importCounts{}, again.Imported, "repeating the import appends nothing")
	unchanged := allOfIt
	unchanged.Tokens = 0
	require.Equal(t, unchanged, again.Unchanged)
	require.Equal(t, 2, again.TokensKept)
	require.Equal(t, report.Repairs, again.Repairs)
	require.Equal(t, ends, importedEnds(t, at.DataDir), "nothing was appended")

	withService(t, at, func(a *process, _ string) {
		requireMovedIn(t, a)
		records := ledgertest.Column[domain.DataImported](t, a.ReadPool,
			`select data from operations_trail where event_type = $1 and actor = 'system:import' and parent_account = '-'`,
			domain.DataImported{}.EventType())
		require.Len(t, records, 1, "the repeated import changed nothing and is not recorded")
		record := records[0]
		a.until(t, 1, `select count(*) from operations_trail i join operations_trail o on o.data ->> 'of' = i.event_id
		where i.event_type = 'operations.data_imported.v1' and not o.data ? 'code' and o.actor = 'system:import'`)
		require.Len(t, record.Files, 7)
		content := readFile(t, sample("tMemberAuth.csv"))
		require.Contains(t, record.Files, domain.ImportedFile{
			Name: "tMemberAuth.csv", Bytes: int64(len(content)), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(content))),
		})
		record.Files = nil
		require.Equal(t, domain.DataImported{
			Entities: allOfIt.Entities, Connections: allOfIt.Connections, Tokens: allOfIt.Tokens, Dashboards: allOfIt.Dashboards, Posts: allOfIt.Posts,
			AccountReadings: allOfIt.AccountReadings, PostReadings: allOfIt.PostReadings, Repaired: 5,
		}, record)
	})

	rows := strings.ReplaceAll(readFile(t, sample("tMemberAuth.csv")), "invented-tiktok-token", "invented-newer")
	tokens := importInto(at)
	tokens.MemberAuth = []string{newFile(t, "tMemberAuth.csv", rows)}
	for _, replace := range []bool{false, true} {
		tokens.ReplaceTokens = replace
		report, _, err := runImport(t, tokens)
		require.NoError(t, err)
		want := map[bool][2]int{false: {0, 2}, true: {1, 1}}[replace]
		require.Equal(t, want, [2]int{report.TokensReplaced, report.TokensKept}, "only on request, and only tokens that differ")
		require.Equal(t, importCounts{Tokens: want[0]}, report.Imported)
	}
	tokens.MemberAuth = nil
	_, _, err = runImport(t, tokens)
	require.ErrorContains(t, err, "--replace-tokens")
}

func lines(repairs []importRepair) (out []string) {
	for _, r := range repairs {
		r.File = filepath.Base(r.File)
		out = append(out, r.String())
	}
	return out
}

// Erasing a social account erases the texts of its posts; a dry run, which has no log, reports the
// same.
func TestImportErasesPostTexts(t *testing.T) {
	c := importInto(newStorage(t))
	c.Files = append(c.Files, newFile(t, "erase.jsonl", `{"type":"directory.social_account.v1","id":"703","erase":true}`+"\n"))
	c.DryRun = true
	planned, _, err := runImport(t, c)
	require.NoError(t, err)
	c.DryRun, planned.DryRun = false, false
	report, _, err := runImport(t, c)
	require.NoError(t, err)
	require.Equal(t, planned, report)
	withService(t, c.storage, func(a *process, _ string) {
		a.until(t, 2, "select sum(next_offset) from lb_engine.checkpoints join lb_engine.generations using (projection, generation) where projection = 'contents' and state = 'live'")
		require.Zero(t, a.countsOf(t, "select count(*) from post_contents"))
	})
}

func requireMovedIn(t *testing.T, a *process) {
	t.Helper()
	var got []string
	for _, query := range []string{
		`select format('%s %s %s %s %s %s', document_id, sub_account_ids, users, scopes, created_at at time zone 'UTC', updated_at at time zone 'UTC') from dashboard_preferences order by sub_account_id`,
		`select format('%s %s %s %s', social_account_id, captured_at at time zone 'UTC', followers, figures->0->>'kind') from tSAccountIns order by 1`,
		`select format('%s %s %s %s %s', external_id, captured_at at time zone 'UTC', reach, growth_eligible, from_zero) from tSPostInsights order by 1`,
		`select format('%s %s %s %s', external_id, glikes, gcomments, gengagement) from tSPostGrowth order by 1`,
		`select format('%s %s %s', external_id, p_id, published_at at time zone 'UTC') from tSPosts order by 1`,
		`select format('%s %s %s %s', id, secret_ref, expires_at at time zone 'UTC', created_at at time zone 'UTC') from tMemberAuth order by 1`,
		`select format('%s %s', metric, kind) from account_months group by 1 order by 1`,
	} {
		got = append(got, ledgertest.Column[string](t, a.ReadPool, query)...)
	}
	require.Equal(t, []string{
		"5f1a2b3c4d5e6f7081920a11 {" + bakery + "," + cafe + "} {d00000000000000000000011,d00000000000000000000012} {analytics,posts} 2021-05-06 07:08:09.01 2024-03-01 08:00:00.123",
		"5f1a2b3c4d5e6f7081920a12 {" + bakery + "," + cafe + "} {d00000000000000000000012} {analytics} 2021-05-06 07:08:09 2024-02-01 00:00:00",
		// from the time in its ObjectId
		"5f1a2b3c4d5e6f7081920a13 {" + florist + "} {} {analytics} 2020-07-24 00:28:44 2020-07-24 00:28:44",
		"5f1a2b3c4d5e6f7081920a21 {c00000000000000000000021} {d00000000000000000000021} {analytics} 2021-05-06 07:08:09.01 2021-05-06 07:08:09.01",
		"701 2024-02-29 23:10:00 1204 stock", "701 2024-03-01 23:10:00 1210 stock", "702 2024-02-29 23:10:30 900 stock",
		"100200300_1 2024-03-03 11:00:00  f f", "100200300_2 2024-03-02 11:00:00  t t", "100200300_2 2024-03-03 11:00:00 310 t t",
		"100200300_2 5 -1 4",
		"100200300_1 1 2023-12-24 08:00:00", "100200300_2 1 2024-03-01 08:00:00", "urn:li:share:7001 4 2024-03-02 08:00:00",
		"71 connection/71  2023-05-01 08:00:00", "72 connection/72 2024-03-03 09:00:00 2023-05-01 08:00:00", "73 connection/73 2024-03-03 09:00:00 2023-05-01 08:00:00",
		"engagement rolling", "followers stock", "impressions rolling", "likes cumulative", "posts stock", "views rolling",
	}, got)

	raw, err := ledgertest.Secrets(t, a.KeptPool, importKey).Get(t.Context(), "connection/72")
	require.NoError(t, err)
	var stored commands.StoredTokens
	require.NoError(t, json.Unmarshal(raw, &stored))
	require.Equal(t, commands.StoredTokens{
		AccessToken: "invented-tiktok-token", RefreshToken: "invented-tiktok-refresh", ExpiresAt: time.Date(2024, 3, 3, 9, 0, 0, 0, time.UTC),
	}, stored)
	for _, topic := range []string{domain.TopicDirectory, domain.TopicMetrics, domain.TopicDashboards, domain.TopicOperations} {
		require.NoError(t, a.Log.Scan(t.Context(), eventlog.ScanConfig{Topic: topic, Handle: func(_ context.Context, run eventlog.Run) error {
			for _, r := range run.Records {
				require.NotContains(t, string(r.Value), "invented-", "a token is in the log")
			}
			return nil
		}}))
	}
}

func importedEnds(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	parts := assembly.NewParts(storage{DataDir: dir}.backends(ledgertest.Quiet))
	defer func() { require.NoError(t, parts.Close()) }()
	log, err := parts.Log(t.Context())
	require.NoError(t, err)
	ends := map[string]int64{}
	for _, topic := range []string{domain.TopicDirectory, domain.TopicMetrics, domain.TopicDashboards, domain.TopicOperations} {
		ranges, _, err := log.Ranges(t.Context(), topic)
		require.NoError(t, err)
		for _, r := range ranges {
			ends[topic] += r.End
		}
	}
	return ends
}

// Refused rows are reported by file, line and reason, and stop the import unless --skip-refused is
// set.
func TestImportRefusesRows(t *testing.T) {
	write := func(name, content string) []string { return []string{newFile(t, name, content)} }
	c := importInto(newStorage(t))
	c.TimeZone = "UTC"
	c.Files = append(c.Files, write("e.jsonl", "{}\n")...)
	c.AccountInsights = write("a.csv", `sAccountId,accountId,pId,followers,createdAt
701,11,1,5,2024-01-01
701,99,1,5,2024-01-02
701,11,2,5,2024-01-02
701,11,6,5,2024-01-02
799,,1,5,2024-01-02
701,11,1,many,never
701,11,1,,2024-01-03
701,11,1,5,2999-01-01
701,11,1
`)
	c.PostInsights = write("p.jsonl", "{\"sAccountId\":701,\"pId\":1,\"likes\":1,\"createdAt\":1704067200}\n[1]\n"+
		`{"sAccountId":701,"pId":1,"postId":"1_1","likes":1,"createdAt":1704067200,"accountId":21,"parentAccount":1}`)
	c.MemberAuth = write("m.csv", "id,memberId,pId,accessToken,expiresAt\n71,8,1,invented-page-token-1,\n72,7,1,ok,invented-tiktok-token\n")
	c.Preferences = write("prefs.json", `{"_id":"x","sub_account_id":null,"parent_account":"a00000000000000000000001"}
{"_id":"5f1a2b3c4d5e6f7081920a21","sub_account_id":"c00000000000000000000021","parent_account":"a00000000000000000000001"}
`)
	report, problems, err := runImport(t, c)
	require.ErrorAs(t, err, new(usageError), problems)
	require.ErrorContains(t, err, "nothing was imported")
	require.Equal(t, importCounts{}, report.Imported)
	var got []string
	for _, r := range report.Refused {
		r.File = filepath.Base(r.File)
		got = append(got, strings.ReplaceAll(r.String(), "\n", "; "))
	}
	require.Equal(t, []string{
		`e.jsonl line 1: unknown event type ""`,
		`m.csv line 2: memberId: the directory does not know this member; import the members first`,
		`m.csv line 3: expiresAt (not shown) is not a time (2026-03-14T12:00:00Z, 2026-03-14 12:00:00, or Unix seconds or milliseconds)`,
		`prefs.json line 1: _id "x" is not an ID of 24 hex digits; sub_account_id is missing`,
		`a.csv line 3: accountId: no account has the row id 99; import the accounts first`,
		`a.csv line 4: pId is 2; use one of 1 Facebook, 3 Instagram, 4 LinkedIn, 6 TikTok`,
		`a.csv line 5: social account 701 is on facebook in the directory, but on tiktok in the row`,
		`a.csv line 6: accountId: is missing, and the directory does not know the social account`,
		`a.csv line 7: createdAt "never" is not a time (2026-03-14T12:00:00Z, 2026-03-14 12:00:00, or Unix seconds or milliseconds); followers "many" is not an integer`,
		`a.csv line 8: the row has no figure`,
		`a.csv line 9: its time 2999-01-01T00:00:00Z is in the future`,
		`a.csv line 10: has 3 fields, but the header has 5 columns`,
		`p.jsonl line 1: externalId is missing`,
		`p.jsonl line 2: is not a JSON object`,
		`p.jsonl line 3: account c00000000000000000000021 does not belong to agency a00000000000000000000001`,
		`prefs.json line 2: account c00000000000000000000021 is not an account of agency a00000000000000000000001`,
	}, got)

	c.SkipRefused = true
	report, _, err = runImport(t, c)
	require.ErrorIs(t, err, errRowsLeftOut)
	require.Equal(t, exitLeftOut, exitCode(err, io.Discard))
	require.Equal(t, importCounts{Entities: 17, Posts: 1, AccountReadings: 1}, report.Imported)
	require.Len(t, report.Refused, len(got))
}

// An interrupted import leaves whole events; repeating it appends the rest and no duplicates.
func TestImportContinuesAfterAKill(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("accountId,memberId,sAccountId,pId,followers,createdAt\n")
	const total = 5000
	for n := range total {
		fmt.Fprintf(&rows, "11,7,701,1,%d,%d\n", n, 1_700_000_000+60*n)
	}
	c := importInto(newStorage(t))
	c.AccountInsights = []string{newFile(t, "ins.csv", rows.String())}
	ctx, kill := context.WithCancel(t.Context())
	err := c.Run(ctx, streams{Out: io.Discard, Err: killer{kill, "account readings"}})
	require.ErrorIs(t, err, errInterrupted)
	require.ErrorContains(t, err, "repeat the import to continue")
	require.Equal(t, exitInterrupted, exitCode(err, io.Discard))
	half := c
	first, _, _ := strings.Cut(rows.String(), "11,7,701,1,2300,")
	half.AccountInsights = []string{newFile(t, "half.csv", first)}
	_, _, err = runImport(t, half) // what an import that is killed later leaves in the log
	require.NoError(t, err)
	report, _, err := runImport(t, c)
	require.NoError(t, err)
	require.Equal(t, importCounts{AccountReadings: total - 2300}, report.Imported)
	require.Equal(t, 2300, report.Unchanged.AccountReadings)
	require.Equal(t, int64(total+1), importedEnds(t, c.DataDir)[domain.TopicMetrics], "including the post that the entities register")
}

// killer ends a command when it writes a text.
type killer struct {
	kill func()
	text string
}

func (k killer) Write(p []byte) (int, error) {
	if strings.Contains(string(p), k.text) {
		k.kill()
	}
	return len(p), nil
}

// A line of entities is refused with a reason, or becomes a draft that decodes to the same entity.
func FuzzEntityLine(f *testing.F) {
	for line := range strings.Lines(readFile(f, sample("entities.jsonl"))) {
		f.Add([]byte(line))
	}
	for _, line := range []string{`{"type":"directory.user.v1","id":"D00000000000000000000011","erase":true}`, `{"type":"directory.category.v1","data":{"id":-1}}`, `null`, `{"type":"directory.member.v1","id":"07","erase":true}`} {
		f.Add([]byte(line))
	}
	registry := domain.NewRegistry()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, line []byte) {
		drafts, err := commands.EntityLine(line, registry, now)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.NotEmpty(t, drafts)
		draft := drafts[0]
		require.NotEmpty(t, draft.Key)
		if len(drafts) > 1 {
			require.Equal(t, domain.TopicContents, drafts[1].Topic)
			_, _, err := domain.SplitContentKey(drafts[1].Key)
			require.NoError(t, err)
		}
		if draft.Data == nil {
			require.Equal(t, domain.TopicDirectory, draft.Topic)
			return
		}
		encoded, err := json.Marshal(draft.Data)
		require.NoError(t, err)
		again, err := registry.Decode(draft.Envelope.Type, encoded)
		require.NoError(t, err)
		if entity, ok := again.(domain.DirectoryEntity); ok {
			require.Equal(t, draft.Key, domain.EntityKey(entity))
		}
	})
}
