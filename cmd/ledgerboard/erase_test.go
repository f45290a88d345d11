package main

import (
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

const (
	eraseAgency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	eraseClient = "c10000000000000000000000"
	erased      = "d10000000000000000000000"
	stays       = "d20000000000000000000000"
	eraseStaff  = "5a0000000000000000000000"
)

func eraseSettings(at storage) settings {
	return settings{
		Config: app.Config{
			Storage:    at,
			Tokens:     app.Tokens{JWTSecret: "a secret of at least thirty-two bytes", JWTIssuer: "i", JWTAudience: "a"},
			People:     app.People{Directory: app.DirectoryLocal},
			Dashboards: app.Dashboards{ClientDashboardScopes: []string{"analytics"}, ManagedSubscriptions: []string{"managed"}},
			Platforms:  app.Platforms{PostInsightsInterval: 12 * time.Hour},
			Roles:      []string{app.RoleAPI, app.RoleProjector},
		},
		logging: logging{LogLevel: "error"}, StopWithin: 10 * time.Minute,
	}
}

func (s settings) sign(user, account string, roles []string, expires time.Time) (string, error) {
	return signToken(s.Tokens, user, account, roles, expires)
}

func someOrder() orderFlags {
	return orderFlags{OrderedBy: "person", Ground: "consent_withdrawn", Due: "2026-12-21"}
}

// eraseErna erases the person and a page whose texts name the person.
func eraseErna(at storage) eraseCommand {
	return eraseCommand{
		installation: installation{at, quiet}, User: erased, SocialAccount: []int64{703}, Wait: patience, JSON: true,
		actionFlags: actionFlags{Yes: true, Reason: "customer_request:DPO-7"}, orderFlags: someOrder(),
	}
}

// GDPR: the person is removed from tables, secrets and responses; other people are not affected;
// the history still verifies.
func TestErasePersonRemovesOnlyThatPerson(t *testing.T) {
	withService(t, newStorage(t), func(a *process, base string) {
		seedErasure(t, a)
		seedFigures(t, a)
		before := chainOf(t, a)
		require.Equal(t, map[string]any{erased: "Erna Erased", stays: "Sam Stays"}, historyNames(t, a, base))
		a.until(t, 1, "select count(*) from operations_trail where event_type = 'audit.read.v1' and actor = '"+eraseStaff+"' and parent_account = '"+
			// the read is recorded in the log
			eraseAgency+"' and data->>'dashboard' = '"+eraseClient+"'")

		command := eraseErna(a.storageSettings(t))
		command.SocialAccount, command.JSON, command.actionFlags = nil, false, actionFlags{}
		out, err := runCommand(t, command)
		require.ErrorAs(t, err, new(usageError), "nothing is erased without --yes")
		require.ErrorContains(t, err, "without a terminal, also set --yes and --reason CODE[:TICKET]")
		require.Contains(t, out, "Would erase")
		require.NotContains(t, out, "Gone")
		command = eraseErna(command.storage)
		command.Due = ""
		requireUsageError(t, command, "also set --ordered-by, --ground and --due")
		command.orderFlags, command.SocialAccount = someOrder(), []int64{703, 999}
		requireUsageError(t, command, "No member of agency "+eraseAgency+" has or had the social account 999")
		command.SocialAccount = []int64{703}
		require.JSONEq(t, `{"erased":true,"parent_account":"`+eraseAgency+`","user":"`+erased+`","members":[7],"sessions":2,
			"connections":[70,71],"profiles":[700],"pages":[701],"social_accounts":[703],"contents":2,"secrets":2}`, mustRun(t, command))

		require.Equal(t, before, chainOf(t, a), "the history is unchanged, byte for byte, and verifies")
		require.Equal(t, map[string]any{erased: nil, stays: "Sam Stays"}, historyNames(t, a, base), "only the id is shown")
		for rows, want := range map[string]int{
			"users where id = '" + erased + "'": 0,
			"users":                             2,
			"sessions where user_id = '" + erased + "'": 0,
			"sessions":                                             1,
			"members where id = 7":                                 0,
			"members":                                              1,
			"tMemberAuth where member_id = 7":                      0,
			"tDefaultAccount where member_id = 7":                  0,
			"tSAccounts where id in (700, 703)":                    0,
			"tSAccounts where id = 701 and not connected":          1,
			"tSAccounts where id = 702702702 and connected":        1,
			"kept.secrets":                                         1,
			"kept.post_notes":                                      1,
			"kept.notice_cursors where user_id = '" + erased + "'": 0,
			"kept.notice_cursors where user_id = '" + stays + "'":  1,
			"kept.fetch_state where social_account_id = 700":       0,
			"kept.fetch_state where reason is not null and social_account_id <> 702702702":                                      0,
			"kept.fetch_state where social_account_id = 701 and backfilled_at is not null and failures = 0 and due_at <= now()": 1,
			"kept.fetch_state where social_account_id = 702702702 and failures = 3 and reason is not null":                      1,
			"post_contents where content like 'Sam%'":                                                                           1,
			"(select social_account_id from post_contents union all select social_account_id from post_owners union all select social_account_id from post_ids union all " + figuresOfAccounts +
				") a where social_account_id in (700, 703)": 0,
			"(" + figuresOfAccounts + ") a": 3,
			"(select true from account_erasures union all select true from post_erasures) e":                                                                        4,
			"operations_trail where data -> 'order' ->> 'ground' = 'consent_withdrawn' and data #>> '{order,reason,ticket}' = 'DPO-7'":                              1,
			"operations_trail where actor = 'system:operator' and (data ->> 'via' like 'uid:%' or data ? 'of')":                                                     2,
			"operations_trail e join operations_trail o on o.data ->> 'of' = e.event_id where e.event_type = 'operations.person_erased.v1' and not o.data ? 'code'": 1,
		} {
			a.until(t, want, "select count(*) from "+rows)
		}
		require.JSONEq(t, `{"erased":true,"erased_before":true,"parent_account":"`+eraseAgency+`","user":"`+erased+`","members":[7],"sessions":0,
			"connections":[70,71],"profiles":[700],"social_accounts":[703],"secrets":0}`, mustRun(t, command), "nothing is left to erase")
		listed := mustRun(t, eraseCommand{installation: command.installation, List: true})
		ledgertest.RequireSameKeys(t, listed)
		require.Contains(t, listed, `{"kind":"user","id":"`+erased+`","agency":"`+eraseAgency+`"`)
		require.Equal(t, mustRun(t, eraseCommand{installation: command.installation, List: true, Direct: true}), listed, "the service reads the same log")
		direct := command
		direct.Direct = true
		requireUsageError(t, direct, "--direct works only with --list")
		command.JSON = false
		began := time.Now().UTC()
		_, by, _ := strings.Cut(mustRun(t, command), "Removed from the log: by ")
		day, err := time.Parse(time.DateOnly, by[:len(time.DateOnly)])
		require.NoError(t, err)
		require.WithinRange(t, day, began.AddDate(0, 0, 8).Truncate(24*time.Hour), time.Now().UTC().AddDate(0, 0, 8))
		command.User = "d90000000000000000000000"
		_, err = runCommand(t, command)
		require.ErrorContains(t, err, "has no one with this id")
	})
}

const figuresOfAccounts = "select social_account_id from tSAccountIns union all select social_account_id from tSPosts " +
	"union all select social_account_id from tSPostInsights"

// The service does not erase by outdated tables: it waits for all tables that have data of people, and gives up
// with an error. If the main application sends a text during the erasure, the same command erases it once the
// tables show it.
func TestErasureWaitsForTablesAndErasesLateTexts(t *testing.T) {
	require.ElementsMatch(t, []string{"account_insights", "contents", "directory", "operations", "post_insights"},
		app.ProjectionsOfPeople(), "only histories keep a person's id")
	withService(t, newStorage(t), func(a *process, _ string) {
		seedErasure(t, a)
		profile := atLinkedIn(700, 7, 70, domain.LinkedInProfile, "Page")
		profile.Connected = false
		page := atLinkedIn(701, 7, 71, domain.LinkedInCompanyPage, "Page")
		page.Connected = false
		a.appendEntities(t, profile, page) // the erasure does not wait until tables show that they are disconnected
		a.until(t, 2, "select count(*) from tSAccounts where member_id = 7 and not connected")
		command := eraseErna(a.Storage)
		command.SocialAccount = nil
		resume := resumeCommand{service: service{DataDir: a.DataDir}, actionFlags: someReason, Names: []string{"contents"}}

		a.pauseContents(t)
		a.appendText(t, 702702702, "late", domain.PostTexts{Content: "Sam was late"})
		impatient := command
		impatient.Wait = time.Millisecond
		_, err := runCommand(t, impatient)
		require.ErrorContains(t, err, "Nothing was erased. The tables of projection contents are 1 event behind the log.")
		a.until(t, 1, "select count(*) from users where id = '"+erased+"'")
		mustRun(t, resume)
		a.until(t, 1, "select count(*) from post_contents where external_id = 'late'")

		a.pauseContents(t)
		printed, failed := "", error(nil)
		var erasing sync.WaitGroup
		erasing.Go(func() { printed, failed = runCommand(t, command) })
		a.until(t, 1, "select count(*) from operations_trail where event_type = 'operations.person_erased.v1'")
		a.appendText(t, 700, "late", domain.PostTexts{Content: "Erna was late"})
		mustRun(t, resume)
		erasing.Wait()
		require.NoError(t, failed)
		require.JSONEq(t, `{"erased":true,"parent_account":"`+eraseAgency+`","user":"`+erased+`","members":[7],"connections":[70,71],"profiles":[700],
			"contents":1,"sessions":2,"pages":[701],"secrets":2}`, printed)
		a.until(t, 0, "select count(*) from post_contents where social_account_id = 700")
	})
}

// pauseContents pauses the projection of texts, and waits until nothing folds them.
func (p *process) pauseContents(t *testing.T) {
	t.Helper()
	mustRun(t, pauseCommand{service: service{DataDir: p.DataDir}, actionFlags: someReason, Names: []string{"contents"}})
	p.until(t, 0, "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'ledgerboard contents.g%'")
}

// seedErasure fills the log with the person to erase, another person, and a history with both.
func seedErasure(t *testing.T, a *process) {
	t.Helper()
	ctx := t.Context()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	secrets := ledgertest.Secrets(t, a.KeptPool, importKey)
	for _, ref := range []string{"connection:70", "connection:71", "connection:72"} {
		require.NoError(t, secrets.Put(ctx, ref, []byte("s"), domain.SecretTimes{Taken: now}))
	}
	a.exec(t, `
		insert into fetch_state (kind, p_id, social_account_id, failures, reason, due_at, backfilled_at, history_reason, updated_at)
		select 'account_insights', 4, a.id, 3, '{"code": "permission"}', $1, $1, '{"code": "no_data"}', $1
		from (values (700, 'Erna'), (701, 'Erna'), (702702702, 'Sam')) a (id, name)`, now)
	a.exec(t, `
		insert into post_notes (social_account_id, external_id, code, since, tried_at)
		values (700, 'of Erna', 'not_found', $1, $1), (702702702, 'of Sam', 'not_found', $1, $1)`, now)
	a.appendEntities(t,
		domain.DirectoryAccount{ID: eraseAgency, RowID: 1, Name: "Agency"},
		domain.DirectoryAccount{ID: eraseClient, RowID: 2, ParentAccount: eraseAgency, Name: "Client"},
		domain.DirectoryUser{ID: erased, AccountID: eraseClient, Name: "Erna Erased", Email: "erna@example.com", Phone: "1", Active: true},
		domain.DirectoryUser{ID: stays, AccountID: eraseClient, Name: "Sam Stays", Active: true},
		domain.DirectoryUser{ID: eraseStaff, AccountID: eraseAgency, Name: "Stella", Active: true},
		domain.DirectorySession{ID: "s1", UserID: erased, LoginAt: now},
		domain.DirectorySession{ID: "s2", UserID: erased, LoginAt: now},
		domain.DirectorySession{ID: "s3", UserID: stays, LoginAt: now},
		domain.DirectoryMember{ID: 7, AccountID: eraseClient, UserID: erased, Name: "Erna Erased", Active: true},
		domain.DirectoryMember{ID: 8, AccountID: eraseClient, UserID: stays, Name: "Sam Stays", Active: true},
		domain.DirectoryConnection{ID: 70, MemberID: 7, Platform: domain.LinkedIn, SecretRef: "connection:70"},
		domain.DirectoryConnection{ID: 71, MemberID: 7, Platform: domain.LinkedIn, SecretRef: "connection:71"},
		domain.DirectoryConnection{ID: 72, MemberID: 8, Platform: domain.LinkedIn, SecretRef: "connection:72"},
		domain.DirectoryDefaultAccount{MemberID: 7, SocialAccount: 700},
		atLinkedIn(700, 7, 70, domain.LinkedInProfile, "Page"), atLinkedIn(701, 7, 71, domain.LinkedInCompanyPage, "Page"),
		atLinkedIn(702702702, 8, 72, domain.LinkedInProfile, "Page"))
	a.appendText(t, 700, "p", domain.PostTexts{Content: "Erna was here"})
	a.appendText(t, 702702702, "p", domain.PostTexts{Content: "Sam was here"})
	// Each is in a different partition.
	a.until(t, 17, `select (select count(*) from users) + (select count(*) from sessions) + (select count(*) from members)
		+ (select count(*) from tMemberAuth) + (select count(*) from tDefaultAccount) + (select count(*) from tSAccounts)
		+ (select count(*) from post_contents)`)
	a.awaitCommands(t)
	updateDashboard(t, a, erased, stays)
	updateDashboard(t, a, stays)
	updateDashboard(t, a, erased, stays)
}

func atLinkedIn(id, member, connection int64, kind domain.AccountType, name string) domain.DirectorySocialAccount {
	return domain.DirectorySocialAccount{
		ID: id, ParentAccount: eraseAgency, AccountID: eraseClient, MemberID: member, ConnectionID: connection,
		Platform: domain.LinkedIn, AccountType: kind, Name: name, Connected: true,
	}
}

func (p *process) appendText(t *testing.T, social int64, post string, texts domain.PostTexts) {
	t.Helper()
	require.NoError(t, p.Log.Append(t.Context(), textDraft(social, post, domain.OriginMainApp, texts)))
}

func textDraft(social int64, post string, origin domain.PostOrigin, texts domain.PostTexts) domain.Draft {
	ref := domain.PostRef{ParentAccount: eraseAgency, SocialAccount: social, ExternalID: post}
	return commands.ContentDraft(domain.PostContent{PostRef: ref, AccountID: eraseClient, Origin: origin, PostTexts: texts}, time.Now())
}

func (p *process) appendFigures(t *testing.T, tenant domain.Tenant, at time.Time, figures ...domain.Data) {
	t.Helper()
	for _, data := range figures {
		require.NoError(t, p.Log.Append(t.Context(), commands.NewDraft(domain.TopicMetrics, tenant.Key(), data, at)))
	}
}

// seedFigures adds another member's page, figures of three accounts, a text, and notice cursors.
func seedFigures(t *testing.T, a *process) {
	t.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a.exec(t, `insert into notice_cursors (parent_account, user_id, version, updated_at) values ($1, $2, 1, $4), ($1, $3, 1, $4)`,
		eraseAgency, erased, stays, now)
	a.appendEntities(t, atLinkedIn(703, 8, 72, domain.LinkedInCompanyPage, "Page"))
	a.appendText(t, 703, "p", domain.PostTexts{Content: "Erna was named"})
	for _, social := range []int64{700, 701, 703} {
		tenant := domain.Tenant{ParentAccount: eraseAgency, AccountID: eraseClient, MemberID: 7, SocialAccount: social}
		a.appendFigures(
			t, tenant, now,
			domain.AccountRead{Tenant: tenant, Platform: domain.LinkedIn, CapturedAt: now, Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: 5}}},
			domain.PostRegistered{Tenant: tenant, Platform: domain.LinkedIn, ExternalID: "p", Origin: domain.OriginMainApp, RegisteredAt: now},
			domain.PostRead{Tenant: tenant, Platform: domain.LinkedIn, ExternalID: "p", CapturedAt: now, Counts: domain.Counts{Likes: new(int64(9))}},
		)
	}
	a.until(t, 11, `select (select count(*) from tSAccounts where id = 703) + (select count(*) from post_contents where social_account_id = 703)
		+ (select count(*) from tSAccountIns) + (select count(*) from tSPosts) + (select count(*) from tSPostInsights)`)
}

type chained struct {
	version int64
	hash    string
}

// chainOf reads the agency's stream from the log, judges every record, and compares the tables with
// it.
func chainOf(t *testing.T, a *process) (chain []chained) {
	t.Helper()
	topics, err := app.Topics()
	require.NoError(t, err)
	ranges, _, err := a.Log.Ranges(t.Context(), domain.TopicDashboards)
	require.NoError(t, err)
	head := domain.StreamHead{Hash: eventlog.Genesis(domain.TopicDashboards, eraseAgency)}
	for _, partition := range ranges {
		for offset := partition.Start; offset < partition.End; offset++ {
			record, err := a.Log.ReadAt(t.Context(), domain.Position{Topic: domain.TopicDashboards, Partition: partition.Partition, Offset: offset})
			require.NoError(t, err)
			verdict, next, reason := eventlog.Judge(head, record, app.PartitionsOf(topics, domain.TopicDashboards))
			require.Equal(t, eventlog.Effective, verdict, reason)
			head = next
			chain = append(chain, chained{head.Version, hex.EncodeToString(head.Hash[:])})
			table := ledgertest.Column[string](t, a.ReadPool, "select encode(hash, 'hex') from dashboard_history where version = $1 limit 1", head.Version)
			require.Equal(t, []string{chain[len(chain)-1].hash}, table)
			require.NotContains(t, string(record.Value), "Erna", "the topic contains no names")
		}
	}
	require.NotEmpty(t, chain)
	return chain
}

// historyNames requests the history like an auditor and returns every person in the response.
func historyNames(t *testing.T, a *process, base string) map[string]any {
	t.Helper()
	token, err := a.sign(eraseStaff, eraseAgency, []string{"auditor"}, time.Now().Add(time.Hour))
	require.NoError(t, err)
	var entries []struct {
		Changes struct {
			Added   []map[string]any `json:"users_added"`
			Removed []map[string]any `json:"users_removed"`
		} `json:"changes"`
	}
	get(base+"/api/projects/dashboard/"+eraseClient+"/history", token).Says(t, http.StatusOK).Data(t, &entries)
	names := map[string]any{}
	for _, entry := range entries {
		for _, user := range append(entry.Changes.Added, entry.Changes.Removed...) {
			names[user["id"].(string)] = user["name"]
		}
	}
	return names
}

// Repeating an erasure removes late data, but keeps members and connections that were created
// again, also by records that this program cannot decode: they belong to their new owner.
func TestErasingAgainKeepsRecreatedEntities(t *testing.T) {
	withService(t, newStorage(t), func(a *process, _ string) {
		day := time.Now().Add(-48 * time.Hour)
		order := domain.ErasureOrder{By: "person", Ground: "objection", Due: "2026-12-21", Reason: domain.Reason{Code: domain.ReasonOther, Ticket: "DPO-7"}}
		drafts := []domain.Draft{
			commands.NewDraft(domain.TopicOperations, eraseAgency, domain.PersonErased{
				User: erased, Members: []int64{7, 8, 9, 10}, Connections: []int64{70, 71}, Profiles: []int64{700, 701}, Order: order,
			}, day),
			commands.EntityDraft(domain.DirectoryAccount{ID: eraseAgency, RowID: 1, Name: "Agency"}, day),
			commands.EntityDraft(domain.DirectoryAccount{ID: eraseClient, RowID: 2, ParentAccount: eraseAgency, Name: "Client"}, day),
		}
		for kind, keys := range map[string][]string{
			domain.KindMember: {"7", "8", "9", "10"}, domain.KindConnection: {"70", "71"}, domain.KindSocialAccount: {"700", "701"},
		} {
			for _, key := range keys {
				drafts = append(drafts, commands.EraseDraft(kind, key, day))
			}
		}
		for _, entity := range []domain.DirectoryEntity{
			domain.DirectoryMember{ID: 7, AccountID: eraseClient, Name: "Another"},
			domain.DirectoryConnection{ID: 70, MemberID: 7, Platform: domain.LinkedIn},
			atLinkedIn(700, 7, 70, domain.LinkedInProfile, "Profile"),
		} {
			drafts = append(drafts, commands.EntityDraft(entity, day.Add(time.Hour)))
		}
		for _, draft := range drafts {
			require.NoError(t, a.Log.Append(t.Context(), draft))
		}
		at := a.storageSettings(t)
		client, err := kgo.NewClient(kgo.SeedBrokers(at.KafkaBrokers...))
		require.NoError(t, err)
		defer client.Close()
		newer := []kgo.RecordHeader{ // an event type of a newer version, which is no dead letter
			{Key: "ce_specversion", Value: []byte("1.0")},
			{Key: "ce_id", Value: []byte("019aa000-0000-7000-8000-000000000010")},
			{Key: "ce_source", Value: []byte("newer")},
			{Key: "ce_type", Value: []byte("directory.member.v9")},
			{Key: "ce_time", Value: []byte(day.UTC().Format("2006-01-02T15:04:05.000000Z"))},
			{Key: "ce_subject", Value: []byte(domain.DirectoryKey(domain.KindMember, "10"))},
			{Key: "content-type", Value: []byte("application/json")},
			{Key: "ce_actor", Value: []byte("main-app")},
		}
		require.NoError(t, client.ProduceSync(t.Context(),
			&kgo.Record{Topic: domain.TopicDirectory, Key: []byte(domain.DirectoryKey(domain.KindMember, "9")), Value: []byte("{")},
			&kgo.Record{Topic: domain.TopicDirectory, Key: []byte(domain.DirectoryKey(domain.KindMember, "10")), Value: []byte("{}"), Headers: newer},
		).FirstErr())
		a.appendText(t, 701, "late", domain.PostTexts{Content: "Erna was late"})
		command := eraseErna(at)
		command.SocialAccount = nil
		require.JSONEq(t, `{"erased":true,"erased_before":true,"parent_account":"`+eraseAgency+`","user":"`+erased+`","members":[8],"connections":[71],"profiles":[701],
			"contents":1,"sessions":0,"secrets":0}`, mustRun(t, command))
	})
}

// The list of erasures is read completely: an invalid line of any length is reported.
func TestInvalidLineOfErasureListIsReported(t *testing.T) {
	t.Parallel()
	good := `{"kind":"user","id":"e7a5ed000000000000000001","agency":"aaaaaaaaaaaaaaaaaaaaaaaa","at":"2026-11-21T12:00:00Z"}`
	for wrong, says := range map[string]string{
		`{"kind":"user"}`: "line 3: kind, id or at is missing",
		"not JSON":        "line 3: ",
		`{"kind":"` + strings.Repeat("x", 100_000) + `"}`: "line 3: kind, id or at is missing",
	} {
		_, err := readErasures(newFile(t, "erasures.jsonl", good+"\n\n"+wrong+"\n"+good+"\n"))
		require.ErrorContains(t, err, says)
	}
	lines, err := readErasures(newFile(t, "erasures.jsonl", good+"\n\n"+good))
	require.NoError(t, err)
	require.Len(t, lines, 2)
}
