package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// GDPR article 15: the file contains everything stored about the person and nothing about the other
// one.
func TestExportPersonContainsAllAndOnlyTheirData(t *testing.T) {
	withService(t, newStorage(t), func(a *process, _ string) {
		seedErasure(t, a)
		seedExport(t, a)

		file, began := filepath.Join(t.TempDir(), "erna.json"), time.Now().Truncate(time.Second)
		command := exportPersonCommand{
			service: service{DataDir: a.DataDir}, User: erased, Out: file,
			actionFlags: actionFlags{Yes: true, Reason: "customer_request:GDPR-15"}, JSON: true,
		}
		out := mustRun(t, command)
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &members))
		var head directory.PersonExportHead
		require.NoError(t, json.Unmarshal(members["export"], &head))
		require.WithinRange(t, head.MadeAt, began, time.Now())
		require.Equal(t, directory.PersonExportHead{
			Format: directory.PersonExportFormat, MadeAt: head.MadeAt, ParentAccount: eraseAgency, User: erased, Members: []int64{7},
			Behind: map[string]int64{},
		}, head)
		var printed []directory.PersonSectionCount
		require.NoError(t, json.Unmarshal([]byte(out), &printed))
		got := map[string]int{}
		require.Len(t, members, 1+len(printed))
		privacy := readFile(t, "../../docs/privacy.md")
		for _, section := range printed {
			var rows []map[string]any
			require.NoError(t, json.Unmarshal(members[section.Section], &rows), section.Section)
			require.Len(t, rows, section.Rows, section.Section)
			got[section.Section] = len(rows)
			require.Contains(t, privacy, "`"+section.Section+"`", "docs/privacy.md describes it")
		}
		// the record of this export, if the tables show it already
		got["trail"] -= strings.Count(string(raw), `"GDPR-15"`)
		require.Equal(t, map[string]int{
			"user": 1, "sign_ins": 2, "identity_provider": 1, "console_sessions": 1, "sign_in_links": 1, "members": 1, "connections": 2, "consents": 1, "profiles": 1, "pages_connected": 1,
			"profile_posts": 1, "profile_post_texts": 2, "profile_readings": 1, "profile_day_figures": 0, "profile_windows": 0, "profile_demographics": 0, "profile_post_readings": 1, "profile_planned_posts": 1, "profile_fetching": 1, "profile_posts_in_vain": 1, "profile_pictures": 0, "platforms_said": 1,
			"posts_counted_as_the_persons": 1,
			"dashboards_now":               1, "dashboard_changes": 5, "point_of_contact_now": 1, "point_of_contact_changes": 1, "orders_assigned": 1,
			"notices": 2, "notices_read": 1, "dashboard_changes_made": 1, "requests_remembered": 1, "trail": 3,
		}, got, string(raw))
		for _, known := range []string{
			"Erna Erased", "erna@example.com", "Text of Erna", "https://posts.example/Erna", `"decided_by":"` + eraseStaff + `"`,
			`"has_token":true`, "client_access_removed", `"reason":{"code": "refused"}`, `"followers":4711`, "Erna has no permission", "of Erna", "person-of-erna", "scope-of-erna", subjectOfErna, `"way of ` + erased, `"made_by_the_person":true`,
		} {
			require.Contains(t, string(raw), known)
		}
		for _, foreign := range []string{
			stays, "Sam", "sam@", "connection:7", "sealed", "digest", "id-", `"s1"`, `"s2"`, `"s3"`, "Stella", "702702702", "815815815815", "Bakery", "9876",
		} {
			require.NotContains(t, string(raw), foreign)
		}

		again := filepath.Join(t.TempDir(), "again.json")
		for why, change := range map[string]func(c *exportPersonCommand){
			"already exists":      func(*exportPersonCommand) {},
			"set --reason":        func(c *exportPersonCommand) { c.Out, c.Reason = again, "" },
			"no one with this id": func(c *exportPersonCommand) { c.Out, c.User = again, strings.Repeat("f", 24) },
		} {
			changed := command
			change(&changed)
			requireUsageError(t, changed, why)
		}
		require.NoFileExists(t, again)

		// another process creates the file after the command's check
		command.Out = again
		require.NoError(t, os.WriteFile(command.Out, []byte("another's"), 0o600))
		at, err := command.client(t.Context())
		require.NoError(t, err)
		_, err = command.write(t.Context(), at, "/api/ops/members/7/export", domain.Reason{Code: domain.ReasonCustomerRequest, Ticket: "TOO-LATE"})
		require.ErrorAs(t, err, new(usageError))
		require.ErrorContains(t, err, "already exists")

		// The export is recorded with its reason and outcome: the service has handed over the data, even
		// if the command could not keep them.
		ledgertest.Eventually(t, func() bool {
			var came map[string]string
			err := a.ReadPool.QueryRow(t.Context(), `
				select json_object_agg(t.data#>>'{reason,ticket}', (t.data#>>'{target,user}') || ' ' || coalesce(o.data->>'code', 'done'))
				from operations_trail t join operations_trail o on o.data->>'of' = t.event_id
				where t.data->>'action' = 'person.exported'`).Scan(&came)
			return err == nil && maps.Equal(came, map[string]string{"GDPR-15": erased + " done", "TOO-LATE": erased + " done"})
		})
		gone, err := vault.NewEraser(a.KeptPool).ForgetWords(t.Context(), time.Now())
		require.NoError(t, err)
		require.Equal(t, 2, gone, "platform texts older than 30 days are deleted")
	})
}

// seedExport adds to seedErasure one of each kind of personal data, for both people.
func seedExport(t *testing.T, a *process) {
	t.Helper()
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Second)
	a.appendEntities(t,
		domain.DirectoryOrder{ID: "0c0000000000000000000001", Buyer: eraseClient, Seller: eraseAgency, ProductType: "managed", AssignedUsers: []string{erased, stays}},
		atLinkedIn(701, 7, 71, domain.LinkedInCompanyPage, "Bakery"),
		domain.DirectoryPlannedPost{ID: 1, AccountID: eraseClient, SocialAccount: 700, ExternalID: "planned"},
		domain.DirectoryPlannedPost{ID: 2, AccountID: eraseClient, SocialAccount: 702702702, ExternalID: "planned by Sam"})
	for _, of := range []struct {
		account, member int64
		name            string
		followers       int64
	}{{700, 7, "Erna", 4711}, {701, 7, "Page", 1}, {702702702, 8, "Sam", 815815815815}} {
		tenant := domain.Tenant{ParentAccount: eraseAgency, AccountID: eraseClient, MemberID: of.member, SocialAccount: of.account}
		a.appendFigures(
			t, tenant, now,
			domain.AccountRead{Tenant: tenant, Platform: domain.LinkedIn, CapturedAt: now, Figures: []domain.Figure{
				{Name: "followers", Kind: domain.Stock, Value: of.followers, Source: "s"},
			}},
			domain.PostRegistered{Tenant: tenant, Platform: domain.LinkedIn, ExternalID: "post", Origin: domain.OriginMainApp, RegisteredAt: now},
			domain.PostRead{
				Tenant: tenant, Platform: domain.LinkedIn, ExternalID: "post", CapturedAt: now,
				Counts: domain.Counts{Likes: &of.followers}, GrowthWindow: "168h0m0s",
			},
		)
		a.appendText(t, of.account, "post", domain.PostTexts{Content: "Text of " + of.name, Permalink: "https://posts.example/" + of.name})
	}
	trail := func(actor string, event domain.Data) {
		draft := commands.NewDraft(domain.TopicOperations, eraseAgency, event, now)
		draft.Envelope.Audit = domain.Audit{Actor: actor, Role: "agency"}
		require.NoError(t, a.Log.Append(ctx, draft))
	}
	trail("", domain.ConnectionStateChanged{ConnectionID: 70, MemberID: 7, Platform: domain.LinkedIn, Code: domain.StatusRefused, At: now})
	trail("", domain.ConnectionStateChanged{ConnectionID: 70, MemberID: 9876, Platform: domain.LinkedIn, At: now.Add(-time.Hour)})
	trail("", domain.ConnectionStateChanged{ConnectionID: 72, MemberID: 8, Platform: domain.LinkedIn, Code: domain.StatusRefused, At: now})
	trail(erased, domain.AuditRead{What: domain.AuditHistory, Dashboard: eraseClient, Filter: domain.AuditFilter{User: stays}})
	trail(eraseStaff, domain.AuditRead{What: domain.AuditHistory, Dashboard: eraseClient, Filter: domain.AuditFilter{User: erased}})
	trail(stays, domain.AuditRead{What: domain.AuditHistory, Dashboard: eraseClient})
	for user, subject := range map[string]string{erased: subjectOfErna, stays: "oidc|Sam"} {
		require.NoError(t, signin.FederatedIdentities{Pool: a.KeptPool}.Link(ctx, "https://id.example", subject, user, now))
	}
	a.exec(t, `insert into notice_cursors values ($1, $2, 1, $4), ($1, $3, 1, $4)`, eraseAgency, erased, stays, now)
	a.exec(t, `
		insert into platform_words (social_account_id, kind, said_at, words)
		select id, 'account_insights', $1::timestamptz - ago, words
		from (values (700, interval '1 day', 'Erna has no permission'), (701, '31 days', 'Bakery is closed'), (702702702, '31 days', 'Sam is gone')) w (id, ago, words)`, now)
	for i, user := range []string{erased, stays} {
		a.exec(t, `
			with s as (insert into sessions values (sha256($1), 'id-' || $2, $2, $3, 'agency', 'way of ' || $2, $4, $4, $4))
			insert into sign_in_links values (sha256($1), $2, $3, 'agency', $2, $4, $4)`, []byte{byte(i)}, user, eraseAgency, now)
	}
	a.exec(t, `insert into grants (platform, app, person, secret_ref, granted, declined, consented_at)
		select 4, 'app', p, 'grant/' || p, '{scope-of-erna}', '{}', $1 from unnest(array['person-of-erna', 'Sam']) p`, now)
	a.exec(t, `insert into granted_connections (connection_id, platform, app, person)
		values (70, 4, 'app', 'person-of-erna'), (72, 4, 'app', 'Sam')`)
	a.until(t, 19, `select (select count(*) from orders) + (select count(*) from tContentPlanner) + (select count(*) from tSAccountIns)
		+ (select count(*) from tSPosts) + (select count(*) from tSPostInsights) + (select count(*) from operations_trail where actor not in ('system:log', 'system:installation'))
		+ (select count(*) from tSAccounts where id = 701 and name = 'Bakery')`)
	// the first one sets the points of contact of the dashboard
	for _, user := range []string{eraseStaff, erased} {
		open := user == eraseStaff
		_, err := a.Updates.Update(ctx, commands.UpdateDashboard{
			Caller:         commands.Caller{ParentAccount: eraseAgency, UserID: user, Role: "agency", RequestID: "r"},
			Change:         domain.UpdateDashboard{Primary: eraseClient, AllowClientDashboard: &open},
			IdempotencyKey: "key of " + user, RequestDigest: "d",
		})
		require.NoError(t, err)
	}
	ops, err := a.Operators(ctx)
	require.NoError(t, err)
	// records that a projection ignores also count as not folded
	ledgertest.Eventually(t, func() bool {
		all, err := ops.Projections(ctx)
		return err == nil && !slices.ContainsFunc(all, func(p operator.Projection) bool { return p.Lag > 0 })
	})
}
