package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

const importKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

const (
	bakery  = "c00000000000000000000011"
	cafe    = "c00000000000000000000012"
	florist = "c00000000000000000000013"
)

func sample(name string) string { return filepath.Join("testdata", "oldsystem", name) }

func importInto(at storage, files ...string) importCommand {
	return importCommand{
		installation: installation{at, quiet}, Files: append([]string{sample("entities.jsonl")}, files...),
		GrowthWindow: 168 * time.Hour, SecretsKey: importKey, JSON: true,
	}
}

// moving imports the lines that the commands of docs/moving-in.md produce from the old system.
func moving(t *testing.T, at storage) importCommand {
	t.Helper()
	return importInto(at, sample("dashboards.jsonl"), sample("readings.jsonl"), sample("posts.jsonl"),
		newFile(t, "tokens.jsonl", readFile(t, sample("tokens.jsonl"))))
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

var allOfIt = domain.ImportCounts{Entities: 17, Connections: 3, Tokens: 2, Dashboards: 4, Posts: 3, AccountReadings: 3, PostReadings: 3}

// The import keeps ids and times of the old system; repeating it changes nothing.
func TestImportKeepsIDsAndIsIdempotent(t *testing.T) {
	at := newStorage(t)
	at.DataDir = filepath.Join(at.DataDir, "data")
	dry := moving(t, at)
	dry.DryRun = true
	planned, _, err := runImport(t, dry)
	require.NoError(t, err)
	require.NoDirExists(t, at.DataDir, "a dry run creates nothing")

	report, progress, err := runImport(t, moving(t, at))
	require.NoError(t, err)
	require.Equal(t, allOfIt, report.Imported)
	require.Empty(t, report.Refused)
	require.Equal(t, 1, report.TokensAbsent)
	require.Contains(t, progress, "append", "plain lines without a terminal")
	require.NotEmpty(t, report.ID)
	planned.DryRun, planned.ID = false, report.ID
	require.Equal(t, planned, report, "a dry run prints the same report")
	repairs := strings.Join(lines(report.Repairs), "\n")
	for _, want := range []string{
		"dashboards.jsonl line 3: account " + florist + ": sub_account_ids " + bakery + " does not name " + florist + " in return",
		"dashboards.jsonl line 3: account " + florist + ": sub_account_ids c00000000000000000000021 is not an account of this agency",
		"dashboards.jsonl line 2: account " + cafe + ": users d00000000000000000000021 is not a user of this agency",
		"dashboards.jsonl line 2: account " + cafe + ": users d00000000000000000000099 is not a user of this agency",
		`dashboards.jsonl line 2: account ` + cafe + `: scopes "Not a scope" is not a scope`,
	} {
		require.Contains(t, repairs, want)
	}
	require.Len(t, report.Repairs, 5)
	ends := importedEnds(t, at.DataDir)

	again, _, err := runImport(t, moving(t, at))
	require.NoError(t, err)
	require.Equal(t, domain.ImportCounts{}, again.Imported, "repeating the import appends nothing")
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
		require.Len(t, record.Files, 5)
		content := readFile(t, sample("tokens.jsonl"))
		require.Contains(t, record.Files, domain.ImportedFile{
			Name: "tokens.jsonl", Bytes: int64(len(content)), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(content))),
		})
		record.Files = nil
		require.Equal(t, domain.DataImported{ImportCounts: allOfIt, Repaired: 5}, record)
	})
}

// The posts and readings of a withdrawn import do not count, and the correct files can be imported
// instead.
func TestWithdrawnImportDoesNotCount(t *testing.T) {
	at := newStorage(t)
	report, _, err := runImport(t, moving(t, at))
	require.NoError(t, err)
	requireRows := func(a *process, rows int) {
		t.Helper()
		for _, table := range []string{"tSAccountIns", "tSPostInsights", "tSPosts"} {
			a.until(t, rows, "select count(*) from "+table)
		}
		a.until(t, 4, "select count(*) from dashboard_preferences")
	}
	withdraw := func(id string, change func(*importCommand)) (said string, err error) {
		c := importInto(at)
		c.Files, c.Withdraw, c.JSON, c.actionFlags = nil, id, false, someReason
		if change != nil {
			change(&c)
		}
		var out bytes.Buffer
		err = c.Run(t.Context(), streams{Out: &out, Err: &out})
		return out.String(), err
	}
	for says, change := range map[string]func(*importCommand){
		"takes no files":               func(c *importCommand) { c.Files = []string{sample("posts.jsonl")} },
		"name at least one file":       func(c *importCommand) { c.Withdraw = "" },
		"without a terminal, also set": func(c *importCommand) { c.actionFlags = actionFlags{} },
		`no import "0199-other" has`:   func(c *importCommand) { c.Withdraw = "0199-other" },
		"are only for --withdraw":      func(c *importCommand) { c.Withdraw, c.Files = "", []string{sample("posts.jsonl")} },
	} {
		_, err := withdraw(report.ID, change)
		require.ErrorContains(t, err, says)
		var usage usageError
		require.ErrorAs(t, err, &usage, says)
	}
	said, err := withdraw(report.ID, func(c *importCommand) { c.DryRun = true })
	require.NoError(t, err)
	require.Contains(t, said, "This would withdraw 3 posts and 6 readings of")
	withService(t, at, func(a *process, _ string) { requireRows(a, 3) })

	another := pgtest.New(t)
	ledgertest.Exec(t, another.Pool, "update lb_engine.identity set database_id = gen_random_uuid()")
	_, err = withdraw(report.ID, func(c *importCommand) { c.DatabaseURL = another.URL })
	require.ErrorContains(t, err, "the topics belong to another installation", "nothing is appended to its log")
	_, err = withdraw(report.ID, func(c *importCommand) { c.DataDir = t.TempDir() })
	require.ErrorContains(t, err, "there is no log", "and none is created")
	said, err = withdraw(report.ID, nil)
	require.NoError(t, err)
	require.Contains(t, said, "Import "+report.ID+" is withdrawn.")
	said, err = withdraw(report.ID, nil)
	require.NoError(t, err)
	require.Contains(t, said, "already withdrawn")

	withService(t, at, func(a *process, _ string) {
		requireRows(a, 0)
		correct := strings.ReplaceAll(readFile(t, sample("readings.jsonl")), `"followers": 1204`, `"followers": 1205`)
		files := importInto(at, newFile(t, "readings.jsonl", correct), sample("posts.jsonl"))
		_, _, err := runImport(t, files)
		require.ErrorContains(t, err, "or connect to the running service: set LEDGERBOARD_KAFKA_BROKERS")
		files.storage = a.storageSettings(t)
		again, _, err := runImport(t, files)
		require.NoError(t, err)
		require.Equal(t, domain.ImportCounts{Posts: 3, AccountReadings: 3, PostReadings: 3}, again.Imported)
		repeated, _, err := runImport(t, files)
		require.NoError(t, err)
		require.Equal(t, domain.ImportCounts{}, repeated.Imported)
		requireRows(a, 3)
		a.until(t, 1, "select count(*) from tSAccountIns where followers = 1205")
		a.until(t, 0, "select count(*) from tSAccountIns where followers = 1204")
		a.until(t, 1, `select count(*) from operations_trail where data ->> 'action' = 'import.withdrawn'
			and data -> 'target' ->> 'import' = '`+report.ID+"'")
	})
}

func lines(repairs []importNote) (out []string) {
	for _, r := range repairs {
		r.File = filepath.Base(r.File)
		out = append(out, r.String())
	}
	return out
}

// Erasing a social account erases the texts of its posts; a dry run reports the same. If the post is
// in the same files, its texts are not appended at all.
func TestImportedTombstoneErasesPostTexts(t *testing.T) {
	// An editor of Windows began the file with a byte order mark.
	erase := newFile(t, "erase.jsonl", "\ufeff"+`{"type":"directory.social_account.v1","id":"703","erase":true}`+"\n")
	texts := func(at storage) (records []bool) {
		eachRecord(t, at, domain.TopicContents, func(r domain.Recorded) { records = append(records, r.Data != nil) })
		return records
	}
	at := newStorage(t)
	_, _, err := runImport(t, importInto(at))
	require.NoError(t, err)
	require.Equal(t, []bool{true}, texts(at))
	c := importInto(at)
	c.Files, c.DryRun = []string{erase}, true
	planned, _, err := runImport(t, c)
	require.NoError(t, err)
	c.DryRun, planned.DryRun = false, false
	report, _, err := runImport(t, c)
	require.NoError(t, err)
	planned.ID = report.ID
	require.Equal(t, planned, report)
	require.Equal(t, []bool{true, false}, texts(at))

	at = newStorage(t)
	report, _, err = runImport(t, importInto(at, erase))
	require.NoError(t, err)
	require.Equal(t, domain.ImportCounts{Entities: 18, Posts: 1}, report.Imported)
	require.Empty(t, texts(at))
}

func requireMovedIn(t *testing.T, a *process) {
	t.Helper()
	var got []string
	for _, query := range []string{
		`select format('%s %s %s %s %s %s', document_id, sub_account_ids, users, scopes, created_at at time zone 'UTC', updated_at at time zone 'UTC') from dashboard_preferences order by sub_account_id`,
		`select format('%s %s %s %s', social_account_id, captured_at at time zone 'UTC', followers, others->0->>'kind') from tSAccountIns order by 1`,
		`select format('%s %s %s %s %s', external_id, captured_at at time zone 'UTC', reach, growth_eligible, from_zero) from tSPostInsights order by 1`,
		`select format('%s %s %s %s', external_id, glikes, gcomments, gengagement) from tSPostGrowth order by 1`,
		`select format('%s %s %s', external_id, p_id, published_at at time zone 'UTC') from tSPosts order by 1`,
		`select format('%s %s %s %s', id, secret_ref, expires_at at time zone 'UTC', created_at at time zone 'UTC') from tMemberAuth order by 1`,
		`select format('%s %s', figure, window_name) from account_days group by 1 order by 1`,
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
		"1 ", "102 old_system", "103 old_system", "104 old_system", "6 ", "7 ",
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
	parts := app.NewParts(installation{storage{DataDir: dir}, quiet}.config(ledgertest.Quiet))
	defer func() { require.NoError(t, parts.Close()) }()
	require.NoError(t, parts.OpenLog(t.Context()))
	log := parts.Log
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

// Refused lines are reported by file, line and reason, and stop the import unless --skip-refused is
// set.
func TestImportReportsInvalidLines(t *testing.T) {
	owner := func(rest string) string { return `{"social_account_id":701,"p_id":1,` + rest + "}}\n" }
	account, post := `{"type":"account_reading","data":`, `{"type":"post_reading","data":`
	c := importInto(newStorage(t),
		newFile(t, "e.jsonl", "{}\n\n"),
		newFile(t, "a.jsonl",
			account+owner(`"account_row_id":11,"followers":5,"captured_at":"2024-01-01T00:00:00Z"`)+
				account+owner(`"account_row_id":99,"followers":5,"captured_at":"2024-01-02T00:00:00Z"`)+
				account+`{"social_account_id":701,"p_id":6,"followers":5,"captured_at":"2024-01-02T00:00:00Z"}}`+"\n"+
				account+`{"social_account_id":799,"p_id":1,"followers":5,"captured_at":"2024-01-02T00:00:00Z"}}`+"\n"+
				account+owner(`"followers":5,"captured_at":"2999-01-01T00:00:00Z"`)+
				account+owner(`"followers":5,"captured_at":"1999-01-01T00:00:00Z"`)),
		newFile(t, "p.jsonl", post+owner(`"likes":1,"captured_at":1704067200`)+
			post+owner(`"external_id":"1_1","likes":1,"captured_at":1704067200,"account_row_id":21,"parent_account":"a00000000000000000000001"`)),
		newFile(t, "m.jsonl", `{"type":"token","data":{"id":71,"member_id":8,"p_id":1,"access_token":"invented-page-token-1"}}`+"\n"),
		newFile(t, "d.jsonl", `{"type":"dashboard","data":{"_id":"5f1a2b3c4d5e6f7081920a21","sub_account_id":"c00000000000000000000021","parent_account":"a00000000000000000000001"}}`),
	)
	refusals := func(report importReport) (got []string) {
		for _, r := range report.Refused {
			r.File = filepath.Base(r.File)
			got = append(got, r.String())
		}
		return got
	}
	report, problems, err := runImport(t, c)
	require.ErrorAs(t, err, new(usageError), problems)
	require.ErrorContains(t, err, "nothing was imported: 1 line was refused")
	size := 0
	for _, file := range c.Files {
		size += len(readFile(t, file))
	}
	require.Contains(t, problems, fmt.Sprintf("check (bytes): %d of %[1]d (100 %%)", size), "a last line without an end")
	require.Equal(t, domain.ImportCounts{}, report.Imported)
	require.Equal(t, []string{`e.jsonl line 1: unknown event type ""`}, refusals(report), "found without the log")

	c.SkipRefused = true
	report, _, err = runImport(t, c)
	require.ErrorIs(t, err, errRowsLeftOut)
	require.Equal(t, exitLeftOut, exitCode(err, io.Discard))
	require.Equal(t, domain.ImportCounts{Entities: 17, Posts: 1, AccountReadings: 1}, report.Imported)
	require.Equal(t, []string{
		`e.jsonl line 1: unknown event type ""`,
		`a.jsonl line 2: account_row_id: no account has this row id; import the accounts first`,
		`a.jsonl line 3: p_id is not that of the social account in the directory, facebook`,
		`a.jsonl line 4: account_id is missing, and the directory does not know the social account`,
		`a.jsonl line 5: its time is in the future`,
		`a.jsonl line 6: time 1999-01-01T00:00:00Z is outside the years 2004 to 9999`,
		`p.jsonl line 1: external_id must have 1 to 255 bytes, has 0`,
		`p.jsonl line 2: the account belongs to another agency in the directory`,
		`m.jsonl line 1: member_id: the directory does not know this member; import the members first`,
		`d.jsonl line 1: account c00000000000000000000021 is not an account of agency a00000000000000000000001`,
	}, refusals(report))
}

// Lines that have one identity and say something different are conflicts: none is lost, or counted
// as already present. Two imports that differ are one, too.
func TestImportReportsConflictingLines(t *testing.T) {
	read := func(at string, followers int, rest string) string {
		return fmt.Sprintf(`{"type":"account_reading","data":{"social_account_id":701,"p_id":1,"captured_at":%q,"followers":%d%s}}`+"\n", at, followers, rest)
	}
	liked := func(likes int) string {
		return fmt.Sprintf(`{"type":"post_reading","data":{"social_account_id":701,"p_id":1,"external_id":"1_1","captured_at":1704067200,"likes":%d}}`+"\n", likes)
	}
	post := func(content string) string {
		return `{"type":"metrics.post_registered.v1","data":{"social_account_id":701,"p_id":1,"external_id":"1_1","registered_at":1704067200,"content":"` + content + `"}}` + "\n"
	}
	token := func(text string) string {
		return `{"type":"token","data":{"id":71,"member_id":7,"p_id":1,"access_token":"` + text + `"}}` + "\n"
	}
	category := func(name string) string {
		return `{"type":"directory.category.v1","updated_at":"2024-01-01T00:00:00Z","data":{"id":9,"name":"` + name + `"}}` + "\n"
	}
	const night, later = "2024-10-27T00:10:00Z", "2024-10-27T01:10:00Z"
	first := read(night, 10, "") + read(later, 12, "") + read(night, 10, "") + liked(5) + post("one") + token("t") + category("Events")
	at := newStorage(t)
	report, _, err := runImport(t, importInto(at, newFile(t, "first.jsonl", first)))
	require.NoError(t, err)
	require.Equal(t, domain.ImportCounts{Entities: 18, Connections: 1, Tokens: 1, Posts: 2, AccountReadings: 2, PostReadings: 1}, report.Imported)
	require.Equal(t, 1, report.Repeated, "in the files, not in the log")

	for name, files := range map[string][]string{
		"in one file":    {first + read(night, 11, "") + liked(900) + post("two") + token("u") + category("Other")},
		"in two files":   {first, read(night, 11, "") + liked(900) + post("two") + token("u") + category("Other")},
		"with the log":   {read(night, 11, "") + liked(900) + post("two") + category("Other")},
		"another client": {read(night, 10, `,"account_row_id":12`)},
	} {
		t.Run(name, func(t *testing.T) {
			paths := []string{}
			for _, content := range files {
				paths = append(paths, newFile(t, "lines.jsonl", content))
			}
			c := importInto(at, paths...)
			report, _, err := runImport(t, c)
			require.ErrorAs(t, err, new(usageError))
			require.Equal(t, exitUsage, exitCode(err, io.Discard))
			want := strings.Count(files[len(files)-1], "\n")
			if name == "in one file" {
				want -= strings.Count(first, "\n")
			}
			require.Len(t, report.Refused, want)
			for _, r := range report.Refused {
				require.Contains(t, r.Reason, "differs from")
			}
			require.Equal(t, domain.ImportCounts{}, report.Imported)
		})
	}
	report, _, err = runImport(t, importInto(at, newFile(t, "client.jsonl", read(night, 10, `,"account_row_id":11`))))
	require.NoError(t, err)
	require.Equal(t, 1, report.Unchanged.AccountReadings)
}

// If a page has moved, its readings without a client belong to the client of their first import.
func TestReadingsWithoutClientKeepOwnerOfFirstImport(t *testing.T) {
	at := newStorage(t)
	reading := newFile(t, "r.jsonl", `{"type":"account_reading","data":{"social_account_id":701,"p_id":1,"captured_at":1704067200,"followers":1}}`)
	_, _, err := runImport(t, importInto(at, reading))
	require.NoError(t, err)
	moved := importInto(at, reading)
	moved.Files = []string{reading, newFile(t, "moved.jsonl", `{"type":"directory.social_account.v1","data":{"id":701,"parent_account":"a00000000000000000000001","account_id":"`+cafe+
		`","member_id":7,"connection_id":71,"p_id":1,"external_id":"100200300","connected":true}}`)}
	report, _, err := runImport(t, moved)
	require.NoError(t, err)
	require.Equal(t, domain.ImportCounts{Entities: 1}, report.Imported)
	require.Equal(t, 1, report.Unchanged.AccountReadings, "it is not read twice")
}

// Readings are appended in the order of account and time, whatever the order of the lines: a late
// reading changes the gains of the next one.
func TestImportSortsReadings(t *testing.T) {
	var shuffled strings.Builder
	for n := range 40 {
		fmt.Fprintf(&shuffled, `{"type":"account_reading","data":{"social_account_id":%d,"p_id":%d,"captured_at":%d,"followers":1}}`+"\n",
			701+n%2, []int{1, 6}[n%2], 1_700_000_000+3600*(n*17%40))
	}
	at := newStorage(t)
	_, _, err := runImport(t, importInto(at, newFile(t, "r.jsonl", shuffled.String())))
	require.NoError(t, err)
	read := map[string][]time.Time{}
	eachRecord(t, at, domain.TopicMetrics, func(r domain.Recorded) {
		if reading, ok := r.Data.(domain.AccountRead); ok {
			read[r.Key] = append(read[r.Key], reading.CapturedAt)
		}
	})
	require.Len(t, read, 2)
	for key, times := range read {
		require.Len(t, times, 20, key)
		require.True(t, slices.IsSortedFunc(times, time.Time.Compare), key)
	}
}

func eachRecord(t *testing.T, at storage, topic string, each func(domain.Recorded)) {
	t.Helper()
	parts := app.NewParts(installation{at, quiet}.config(ledgertest.Quiet))
	defer func() { require.NoError(t, parts.Close()) }()
	require.NoError(t, parts.OpenLog(t.Context()))
	log := parts.Log
	require.NoError(t, app.ScanTopic(t.Context(), log, topic, func(r domain.Recorded, err error) {
		require.NoError(t, err)
		each(r)
	}))
}

// Files of tokens that others may read, files whose escapes are doubled, and files and pipes without
// lines, which a command that failed leaves, are refused whatever --skip-refused says.
func TestImportRefusesUnsafeOrEmptyFiles(t *testing.T) {
	const token = `{"type":"token","data":{"id":71,"member_id":7,"p_id":1,"access_token":"invented-page-token-1"}}`
	post := func(n int, content string) string {
		return fmt.Sprintf(`{"type":"metrics.post_registered.v1","data":{"social_account_id":701,"p_id":1,"external_id":"%d","registered_at":1704067200,"content":"%s"}}`+"\n", n, content)
	}
	at := newStorage(t)
	refused := func(reason string, files ...string) {
		t.Helper()
		c := importInto(at, files...)
		c.SkipRefused, c.DryRun = true, true
		_, _, err := runImport(t, c)
		require.ErrorAs(t, err, new(usageError))
		require.ErrorContains(t, err, reason)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o644} {
		shared := newFile(t, "tokens.jsonl", token)
		require.NoError(t, os.Chmod(shared, mode))
		refused("others may read it: chmod 600 "+shared, shared)
	}
	refused("has no lines", newFile(t, "empty.jsonl", "\n \n"))
	refused("has no lines", newPipe(t, ""))
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} { // PowerShell redirects with one
		refused("is encoded in UTF-16: save it as UTF-8", newFile(t, "utf16.jsonl", mark+"{\x00}\x00\n\x00"))
	}
	for content, form := range map[string]string{
		"\x1f\x8b\x08\x00\x00\n": "is compressed with gzip", "PK\x03\x04\x14\n": "is a zip archive",
		"\ufeff[\n": "is an array of JSON", "\n[{}]\n": "is an array of JSON", "{\n  \"type\": \"token\"\n}\n": "has objects of several lines",
	} {
		refused(form, newFile(t, "other.jsonl", content))
	}
	refused("line 2: each escape in this file has two backslashes", newFile(t, "p.jsonl", post(1, "plain")+post(2, `two\\nlines`)+post(3, `a \\"quote\\"`)))
	refused("line 1 is longer than", newFile(t, "long.jsonl", strings.Repeat("x", commands.MaxImportLine+1)))

	single := importInto(at, newFile(t, "p.jsonl", post(1, `two\\nlines`)+post(2, `C:\\dir`)+post(3, `an \"escape\"`)), newPipe(t, token))
	single.DryRun = true
	report, _, err := runImport(t, single)
	require.NoError(t, err)
	require.Equal(t, 4, report.Imported.Posts)
	require.Equal(t, 1, report.Imported.Tokens)
	only := importInto(at, newFile(t, "p.jsonl", post(2, `C:\\dir ¯\\_(ツ)_/¯`)))
	only.DryRun = true
	_, _, err = runImport(t, only)
	require.NoError(t, err, "backslashes of a text, not doubled escapes")
}

// newPipe returns the path of a pipe that gives a text.
func newPipe(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o644))
	go func() {
		if out, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			_, _ = io.WriteString(out, text)
			_ = out.Close()
		}
	}()
	return path
}

// An interrupted import leaves whole events; repeating it appends the rest and no duplicates.
func TestKilledImportContinuesWithoutDuplicates(t *testing.T) {
	var rows strings.Builder
	const total, half = 5000, 2300
	for n := range total {
		fmt.Fprintf(&rows, `{"type":"account_reading","data":{"social_account_id":701,"p_id":1,"captured_at":%d,"followers":%d}}`+"\n", 1_700_000_000+60*n, n)
	}
	at := newStorage(t)
	c := importInto(at, newFile(t, "all.jsonl", rows.String()))
	ctx, kill := context.WithCancel(t.Context())
	err := c.Run(ctx, streams{Out: io.Discard, Err: killer{kill, "append"}})
	require.ErrorIs(t, err, errInterrupted)
	require.ErrorContains(t, err, "repeat the import to continue")
	require.Equal(t, exitInterrupted, exitCode(err, io.Discard))
	first := strings.Join(strings.SplitAfter(rows.String(), "\n")[:half], "")
	_, _, err = runImport(t, importInto(at, newFile(t, "half.jsonl", first))) // what an import that is killed later leaves in the log
	require.NoError(t, err)
	report, _, err := runImport(t, c)
	require.NoError(t, err)
	require.Equal(t, domain.ImportCounts{AccountReadings: total - half}, report.Imported)
	require.Equal(t, half, report.Unchanged.AccountReadings)
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
