package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// loggedTexts are texts of and about the person in the log; soughtTexts adds what other people
// wrote about the person.
var (
	loggedTexts = []string{
		"Erna Erased", "erna@example.com", "Erna was here", "Erna was named", "Ernas Profil", "erna-picture.jpg", "posts.example/erna",
	}
	soughtTexts = append(slices.Clone(loggedTexts), platformSaid, subjectOfErna)
)

const (
	platformSaid = "Erna Erased must grant this"
	// subjectOfErna is the person's subject at the identity provider.
	subjectOfErna = "oidc|erna-4711"
	saidByBoth    = "What both have said"
	pictureShows  = "the face of Erna"
	soughtIn      = "tables of all schemas, planner statistics, a database dump and every GET response for each role"
)

// forgetful is a log that can be compacted on demand, with the location of its files.
type forgetful struct {
	storage

	files   string
	compact func(t *testing.T)
	key     string // signs checkpoints, because bundles need them and are searched too
}

// Every place contains the person's data before the erasure and none contains it afterwards.
func TestErasedDataIsRemovedEverywhere(t *testing.T) {
	dir := t.TempDir()
	key, _, err := proof.GenerateKey()
	require.NoError(t, err)
	log := forgetful{storage{DataDir: dir}, filepath.Join(dir, "broker"), func(t *testing.T) { t.Helper(); compactStopped(t, dir) }, key}
	yesterday := filepath.Join(t.TempDir(), "yesterday")
	log.forget(t, func() { copyDir(t, yesterday, dir) })

	restored := forgetful{storage{DataDir: yesterday}, filepath.Join(yesterday, "broker"), nil, key}
	require.ElementsMatch(t, loggedTexts, restored.foundIn(t, loggedTexts), "the old backup contains everything")
	repeatErasures(t, storage{DataDir: dir}, storage{DataDir: yesterday})
	var said ledgertest.Output
	restored.serve(t, &said, func(a *process, base string) {
		a.until(t, 0, "select count(*) from users where id = '"+erased+"'")
		a.until(t, 0, "select count(*) from post_contents where social_account_id in (700, 703)")
		requireNone(t, evidenceOf(t, a, base), soughtTexts)
		requirePictures(t, a, 1)
	})
	compactStopped(t, yesterday)
	require.Empty(t, restored.foundIn(t, soughtTexts))
	require.NotEmpty(t, restored.foundIn(t, []string{saidByBoth}), "under another name")
	requireNone(t, map[string][]byte{"log lines": []byte(said.String())}, soughtTexts)
}

func repeatErasures(t *testing.T, from, in storage) {
	t.Helper()
	list := newFile(t, "erasures.jsonl", mustRun(t, eraseCommand{installation: installation{from, quiet}, List: true, Direct: true}))
	require.Contains(t, mustRun(t, eraseCommand{installation: installation{in, quiet}, From: list, actionFlags: someReason}), "Repeated ")
}

// compactStopped compacts the log of a stopped broker. It keeps the last batch of a partition, so
// those are tombstones.
func compactStopped(t *testing.T, dir string) {
	t.Helper()
	parts := app.NewParts(installation{storage{DataDir: dir}, quiet}.config(ledgertest.Quiet))
	require.NoError(t, parts.OpenLog(t.Context()))
	log := parts.Log
	var last []domain.Draft
	for n := range 500 { // enough records for each partition
		last = append(last, commands.EraseDraft(domain.KindCategory, fmt.Sprint(1_000_000+n), time.Now()))
		post := domain.PostRef{ParentAccount: eraseAgency, SocialAccount: 1, ExternalID: fmt.Sprint(n)}
		last = append(last, commands.EraseContentDraft(post.ContentKey(domain.OriginListing), time.Now()))
	}
	require.NoError(t, log.AppendBulk(t.Context(), last))
	require.NoError(t, parts.Close())
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(filepath.Join(dir, "broker", "log")), kfake.SyncWrites())
	require.NoError(t, err)
	defer cluster.Close()
	cluster.Compact()
}

// The same test on Apache Kafka with immediate compaction; LEDGERBOARD_TEST_KAFKA_DATA contains its
// segments.
func TestErasedDataIsRemovedEverywhereOnApacheKafka(t *testing.T) {
	brokers, files := os.Getenv("LEDGERBOARD_TEST_KAFKA_BROKERS"), os.Getenv("LEDGERBOARD_TEST_KAFKA_DATA")
	if brokers == "" || files == "" {
		t.Skip("LEDGERBOARD_TEST_KAFKA_BROKERS or LEDGERBOARD_TEST_KAFKA_DATA is not set: .ci/kafka sets them")
	}
	key, _, err := proof.GenerateKey()
	require.NoError(t, err)
	log := forgetful{storage: storage{DataDir: t.TempDir(), KafkaBrokers: strings.Split(brokers, ",")}, files: files, key: key}
	log.compact = func(t *testing.T) {
		t.Helper()
		client, err := kgo.NewClient(kgo.SeedBrokers(log.KafkaBrokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		require.NoError(t, err)
		defer client.Close()
		var changes []kadm.AlterConfig
		for name, value := range map[string]string{
			"min.compaction.lag.ms": "0", "max.compaction.lag.ms": "1", "segment.ms": "100", "min.cleanable.dirty.ratio": "0", "file.delete.delay.ms": "0",
		} {
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
		}
		altered, err := kadm.NewClient(client).AlterTopicConfigs(t.Context(), changes, domain.TopicDirectory, domain.TopicContents)
		require.NoError(t, err)
		for _, topic := range altered {
			require.NoError(t, topic.Err)
		}
		topics, err := app.Topics()
		require.NoError(t, err)
		parts := app.NewParts(installation{log.storage, quiet}.config(ledgertest.Quiet))
		defer func() { require.NoError(t, parts.Close()) }()
		err = parts.OpenLog(t.Context())
		require.ErrorIs(t, err, eventlog.ErrUnsafeTopic, "a service does not start on topics with such a short retention")
		// Each record closes the previous segment, which the cleaner can then compact.
		ledgertest.Eventually(t, func() bool {
			for _, topic := range []string{domain.TopicDirectory, domain.TopicContents} {
				for partition := range app.PartitionsOf(topics, topic) {
					require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: partition, Key: []byte("last")}).FirstErr())
				}
			}
			return len(log.foundIn(t, soughtTexts)) == 0
		}, "the cleaner removes what was erased")
	}
	log.forget(t, func() {})
}

// forget adds the person, finds the data, erases the person and searches again.
func (f forgetful) forget(t *testing.T, backup func()) {
	t.Helper()
	t.Logf("searched: %s, log files, service log", soughtIn)
	var said, out ledgertest.Output
	erase := eraseErna(f.storage)
	erase.LogLevel, erase.JSON = "debug", false
	f.serve(t, &said, func(a *process, base string) {
		seedErasure(t, a)
		seedFigures(t, a)
		// Pictures, a platform's error text, and a text that the agency published under two names.
		ctx, now := t.Context(), time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
		a.appendEntities(t,
			domain.DirectoryAccount{ID: eraseAgency, RowID: 1, Name: "Agency", Active: true},
			domain.DirectoryAccount{ID: eraseClient, RowID: 2, ParentAccount: eraseAgency, Name: "Client", Active: true},
			atLinkedIn(700, 7, 70, domain.LinkedInProfile, "Ernas Profil"))
		for profile, texts := range map[int64]domain.PostTexts{
			700:       {Content: saidByBoth, MediaURL: "https://media.example/erna-picture.jpg", Permalink: "https://posts.example/erna"},
			702702702: {Content: saidByBoth, Permalink: "https://posts.example/sam"},
		} {
			a.appendText(t, profile, "both", texts)
			tenant := domain.Tenant{ParentAccount: eraseAgency, AccountID: eraseClient, MemberID: 7, SocialAccount: profile}
			a.appendFigures(t, tenant, now, domain.PostRegistered{
				Tenant: tenant, Platform: domain.LinkedIn, ExternalID: "both", Origin: domain.OriginMainApp, RegisteredAt: now, PublishedAt: &now,
			})
		}
		for _, post := range picturedPosts {
			begun, err := picturesOf(t, a).Begin(ctx, post, time.Now())
			require.NoError(t, err)
			require.True(t, begun)
			require.NoError(t, picturesOf(t, a).Keep(ctx, post, []byte(pictureShows)))
		}
		changeDashboard(t, a, domain.UpdateDashboard{AllowClientDashboard: new(true)})
		// Three rows with one value: common enough for the planner's statistics.
		a.exec(t, `
		insert into platform_words (kind, social_account_id, words, said_at)
		select kind, 700, $2, $1 from unnest(array['account_insights', 'post_insights', 'history']) kind`, now, platformSaid)
		require.NoError(t, signin.FederatedIdentities{Pool: a.KeptPool}.Link(ctx, "https://id.example", subjectOfErna, erased, now))
		a.until(t, 7, `select (select count(*) from post_contents where external_id = 'both') + (select count(*) from tSPosts where external_id = 'both')
		+ (select count(*) from tSAccounts where name = 'Ernas Profil') + (select count(*) from accounts where active)`)
		// Three sign-ins with one outcome, as common; they expire within two hours.
		outcome := domain.ConnectOutcome{Connected: []domain.ConnectedNow{{SocialAccountID: 700, PID: domain.LinkedIn, Name: "Ernas Profil"}}}
		a.exec(t, `
		insert into connect_attempts (id, start, parent_account, account_id, user_id, role, platform, redirect_uri, return_to, social_account, step,
			outcome, created_at, expires_at)
		select gen_random_uuid(), n::text::bytea, $1, $2, $3, 'agency', $4, '', '', 0, 'done', $5, $6, $6 from generate_series(1, 3) n`,
			eraseAgency, eraseClient, eraseStaff, int(domain.LinkedIn), outcome, time.Now().Add(time.Hour))
		before := evidenceOf(t, a, base)
		requirePictures(t, a, len(picturedPosts))
		requireNone(t, before, []string{pictureShows}) // it is encrypted everywhere
		requireNone(t, map[string][]byte{"statistics of the planner": before["statistics of the planner"]}, soughtTexts)
		require.NoError(t, vault.Connecting{Pool: a.KeptPool}.Purge(t.Context(), time.Now().Add(2*time.Hour)), "sign-ins are deleted a day after they end")
		for _, text := range append(slices.Clone(soughtTexts), saidByBoth) {
			for _, where := range []string{"table", "dump", "answer"} {
				if where == "answer" && (text == platformSaid || text == subjectOfErna) {
					// responses contain neither error texts of platforms nor provider subjects
					continue
				}
				require.True(t, slices.ContainsFunc(holding(before, text), func(place string) bool { return strings.HasPrefix(place, where) }),
					"%q is in a %s before the erasure; it is in %v", text, where, holding(before, text))
			}
		}
		if len(f.KafkaBrokers) > 0 {
			require.NoError(t, erase.Run(t.Context(), streams{Out: &out, Err: &out}))
		}
	})
	require.ElementsMatch(t, loggedTexts, f.foundIn(t, loggedTexts), "before the erasure or the compaction")
	if len(f.KafkaBrokers) == 0 {
		backup()
		f.serve(t, &said, func(*process, string) {
			require.NoError(t, erase.Run(t.Context(), streams{Out: &out, Err: &out}))
		})
	}
	shown := func() {
		f.serve(t, &said, func(a *process, base string) {
			after := evidenceOf(t, a, base)
			requireNone(t, after, soughtTexts)
			requirePictures(t, a, 1)
			require.NotEmpty(t, holding(after, saidByBoth), "under another name")
		})
	}
	if len(f.KafkaBrokers) > 0 {
		shown() // the topic settings changed below prevent a service from starting
	}
	f.compact(t)
	require.Empty(t, f.foundIn(t, soughtTexts), "compacted log")
	require.Equal(t, []string{saidByBoth}, f.foundIn(t, []string{saidByBoth}), "under another name")
	if len(f.KafkaBrokers) == 0 {
		shown()
	}
	requireNone(t, map[string][]byte{"service log": []byte(said.String()), "output of erase": []byte(out.String())}, soughtTexts)
}

// serve runs a service on the log and writes its log messages to said.
func (f forgetful) serve(t *testing.T, said io.Writer, use func(a *process, base string)) {
	t.Helper()
	settings := eraseSettings(f.storage)
	settings.CheckpointKey, settings.CheckpointEvery = f.key, time.Hour
	settings.Roles = append(settings.Roles, app.RoleSigner)
	runService(t, settings, slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})), use)
}

func (f forgetful) foundIn(t *testing.T, texts []string) (found []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(f.files, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if os.IsNotExist(err) {
				return nil // the cleaner removed it
			}
			return err
		}
		raw, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		raw = append(raw, decompressed(t, raw)...)
		for _, text := range texts {
			if bytes.Contains(raw, []byte(text)) && !slices.Contains(found, text) {
				found = append(found, text)
			}
		}
		return err
	}))
	return found
}

// decompressed returns the contents of the zstd frames in a file: brokers store batches as they were
// sent.
func decompressed(t *testing.T, raw []byte) (contents []byte) {
	t.Helper()
	decoder, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer decoder.Close()
	for {
		at := bytes.Index(raw, []byte{0x28, 0xb5, 0x2f, 0xfd})
		if at < 0 {
			return contents
		}
		contents, _ = decoder.DecodeAll(raw[at:], contents) // what follows the frame is an error
		raw = raw[at+1:]
	}
}

// picturedPosts are posts with stored pictures: two of the person, one of another person.
var picturedPosts = []domain.PostRef{
	{ParentAccount: eraseAgency, SocialAccount: 700, ExternalID: "both"},
	{ParentAccount: eraseAgency, SocialAccount: 703, ExternalID: "p"},
	{ParentAccount: eraseAgency, SocialAccount: 702702702, ExternalID: "both"},
}

func picturesOf(t *testing.T, a *process) *vault.Pictures {
	t.Helper()
	keys, err := vault.ParseKeys(strings.Repeat("5a", 32))
	require.NoError(t, err)
	return vault.NewPictures(a.KeptPool, keys)
}

func requirePictures(t *testing.T, a *process, people int) {
	t.Helper()
	opened := 0
	for _, post := range picturedPosts {
		picture, err := picturesOf(t, a).Picture(t.Context(), post)
		if err == nil {
			require.Equal(t, pictureShows, string(picture))
			opened++
		}
	}
	require.Equal(t, people, opened)
	require.Equal(t, people, a.countsOf(t, "select count(*) from kept.pictures"))
}

func requireNone(t *testing.T, evidence map[string][]byte, texts []string) {
	t.Helper()
	require.NotEmpty(t, evidence)
	for _, text := range texts {
		require.Empty(t, holding(evidence, text), text)
	}
}

func holding(evidence map[string][]byte, text string) (places []string) {
	for place, holds := range evidence {
		if bytes.Contains(holds, []byte(text)) {
			places = append(places, place)
		}
	}
	return places
}

// evidenceOf returns what a running service stores and shows, by place.
func evidenceOf(t *testing.T, a *process, base string) map[string][]byte {
	t.Helper()
	evidence := map[string][]byte{}
	for _, table := range ledgertest.Column[string](t, a.KeptPool, `
		select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`) {
		all := ledgertest.Column[string](t, a.KeptPool, "select coalesce(string_agg(r::text, E'\\n'), '') from "+table+" r")
		evidence["table "+table] = []byte(all[0])
	}
	a.exec(t, "analyze")
	statistics := ledgertest.Column[string](t, a.KeptPool, `select string_agg(s::text, E'\n') from pg_stats s where schemaname !~ '^pg_'`)[0]
	require.Contains(t, statistics, eraseClient, "the planner has statistics")
	evidence["statistics of the planner"] = []byte(statistics)
	// from the server's version: others cannot dump it
	programs := ledgertest.Column[string](t, a.KeptPool, "select setting from pg_config where name = 'BINDIR'")[0]
	dump := exec.CommandContext(t.Context(), filepath.Join(programs, "pg_dump"), "--inserts", "--dbname="+a.KeptPool.Config().ConnString())
	var err error
	evidence["dump of the database"], err = dump.Output()
	require.NoError(t, err, dump.String())
	tokens := map[string]string{}
	for role, who := range map[string][2]string{
		"agency": {eraseStaff, eraseAgency}, "client": {stays, eraseClient}, "auditor": {eraseStaff, eraseAgency}, "operator": {"an operator", ""}, "main_app": {"the main application", ""},
	} {
		token, err := a.sign(who[0], who[1], []string{role}, time.Now().Add(time.Hour))
		require.NoError(t, err)
		tokens[role] = token
	}
	for role, token := range tokens {
		answered := 0
		for _, path := range pathsToAsk(t) {
			answer := get(base+path, token)
			for late := time.Now().Add(patience); answer.Status >= http.StatusInternalServerError && time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
				answer = get(base+path, token) // readiness may fail for a moment
			}
			require.Less(t, answer.Status, http.StatusInternalServerError, "%s as %s: %s", path, role, answer.Body)
			evidence["answer to "+path+" as "+role] = []byte(answer.Body)
			if answer.Status == http.StatusOK {
				answered++
			}
		}
		require.Greater(t, answered, map[string]int{"agency": 45, "client": 35}[role]+5, role)
		t.Logf("%d paths responded %s", answered, role)
	}
	return evidence
}

// pathsToAsk returns all GET paths of the API with every id that the person has or had, except
// streams, which send only ids.
func pathsToAsk(t *testing.T) (paths []string) {
	t.Helper()
	values := map[string][]string{
		"accountId": {"1", "2"}, "activityId": {"700:p", "700:both", "703:p", "702702702:both"}, "platformId": {"700", "703"}, "memberId": {"7", "8"}, "userId": {erased, stays},
		"user_id": {erased}, "id": {eraseClient}, "kind": {"user", "member", "social_account"}, "entityId": {erased, "7", "700"}, "format": {"csv"},
		"startTime": {"2025-12-01"}, "endTime": {"2026-02-01"}, "fromDate": {"2025-12-01"}, "toDate": {"2026-02-01"}, "from": {"2025-12-01"},
	}
	for _, op := range api.Operations() {
		if op.Method != http.MethodGet || slices.Contains([]string{"/api/live", "/api/notices", "/socket.io/*"}, op.Pattern) {
			continue
		}
		asked := []string{op.Pattern}
		query := url.Values{}
		for _, parameter := range op.Parameters {
			some := values[parameter.Name]
			if some == nil {
				some = []string{parameter.Example}
			}
			switch place := "{" + parameter.Name + "}"; {
			case strings.Contains(op.Pattern, place):
				var with []string
				for _, one := range asked {
					for _, value := range some {
						with = append(with, strings.ReplaceAll(one, place, url.PathEscape(value)))
					}
				}
				asked = with
			case parameter.In != api.InHeader && (parameter.Required || parameter.Name == "startTime" || parameter.Name == "endTime"):
				query.Set(parameter.Name, some[0])
			}
		}
		for _, one := range asked {
			paths = append(paths, one+"?"+query.Encode())
		}
	}
	require.Greater(t, len(paths), 60)
	return paths
}

func copyDir(t *testing.T, to, from string) {
	t.Helper()
	// the files of PostgreSQL keep their owner
	out, err := exec.Command("cp", "-a", from, to).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
