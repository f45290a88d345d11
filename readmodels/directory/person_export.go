package directory

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// PersonExportFormat identifies the format that [People.Export] writes, see docs/privacy.md.
const PersonExportFormat = "ledgerboard-person-export-v1"

// PersonExportHead is the member "export" of the file. The sections follow as further members, each
// a list of objects; an empty list means that there is no such data.
type PersonExportHead struct {
	Format        string    `json:"format"` // [PersonExportFormat]
	MadeAt        time.Time `json:"made_at"`
	ParentAccount string    `json:"parent_account"` // the agency
	User          string    `json:"user"`           // "" for a member who is not a user
	Members       []int64   `json:"members"`
	// Behind is the number of events of the log that the tables of each projection do not include
	// yet. Only projections that lag are listed.
	Behind map[string]int64 `json:"events_not_folded_yet"`
}

// PersonSectionCount is the number of rows in a section of an export.
type PersonSectionCount struct {
	Section string `json:"section"` // name of the section
	Rows    int    `json:"rows"`
}

// Export writes everything that is known about a person as one JSON object (GDPR article 15): the
// head, then the sections, from one snapshot. Data of other people is excluded; people who decided
// something about this person appear only as ids.
func (p People) Export(
	ctx context.Context, out io.Writer, head PersonExportHead, person domain.Person,
) (counts []PersonSectionCount, err error) {
	head.Format, head.ParentAccount, head.User = PersonExportFormat, person.ParentAccount, person.User
	head.Members = append([]int64{}, person.Members...)
	err = pg.Snapshot(ctx, p.Pool, func(tx pgx.Tx) error {
		w := bufio.NewWriter(out)
		raw, err := json.Marshal(head)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "{\"export\":%s", raw) // a bufio.Writer keeps errors until Flush
		args := personArgs(person)
		for _, section := range personSections {
			n, err := writeSection(ctx, tx, w, section, args)
			if err != nil {
				return fmt.Errorf("export %s of a person: %w", section.name, err)
			}
			counts = append(counts, PersonSectionCount{section.name, n})
		}
		fmt.Fprint(w, "\n}\n")
		return w.Flush()
	})
	return counts, err
}

func personArgs(p domain.Person) pgx.NamedArgs {
	// an empty list, because nil would become null
	own := func(ids []int64) []int64 { return append([]int64{}, ids...) }
	return pgx.NamedArgs{
		"user": p.User, "members": own(p.Members), "profiles": own(p.Profiles), "metrics": domain.AccountFigures(), "of_window": domain.FigureOfWindow,
		"connections": own(domain.ConnectionIDs(p.Connections)), "shared": own(domain.ConnectionIDs(p.Shared)),
	}
}

// writeSection writes one list, with each row of its statement as an object on its own line.
func writeSection(
	ctx context.Context, tx pgx.Tx, w *bufio.Writer, s personSection, args pgx.NamedArgs,
) (n int, err error) {
	fmt.Fprintf(w, ",\n%q:[", s.name)
	rows, _ := tx.Query(ctx, "select row_to_json(section)::text from ("+s.sql+") section", args)
	var row string
	_, err = pgx.ForEachRow(rows, []any{&row}, func() error {
		if n++; n > 1 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprint(w, "\n ", row)
		return nil
	})
	fmt.Fprint(w, "]")
	return n, err
}

// personSection is one list of an export. Each row of its statement becomes an object, and each
// column a member. The arguments are @user ("" for a member who is not a user), @members, @profiles
// (the person's own social accounts), @connections and @shared (those that other members use too).
type personSection struct{ name, sql string }

// personSections select all data about a person and nothing that belongs to others: no secrets and
// no session ids (they can grant access), no names next to the ids of people who decided something,
// and no names of pages, which belong to the client.
var personSections = []personSection{
	{"user", `
		select u.id, u.account_id, a.name as account_name, u.name, u.email, u.phone, u.image, u.meeting_link, u.role,
		       u.company, u.is_owner, u.active, u.reset_pending, u.created_at, u.updated_at
		from users u left join accounts a on a.id = u.account_id
		where u.id = @user`},
	{"sign_ins", `select login_at from sessions where user_id = @user order by login_at, id`},
	{"identity_provider", `select issuer, subject, linked_at from kept.identities where user_id = @user`},
	{"console_sessions", `
		select way, role, account_id, known_as, begun_at, seen_at, expires_at as ends_at
		from kept.sessions where user_id = @user order by begun_at, expires_at`},
	{"sign_in_links", `
		select role, account_id, made_at, expires_at as works_until, made_by = @user as made_by_the_person
		from kept.sign_in_links where user_id = @user order by made_at`},
	{"members", `
		select m.id, m.account_id, m.name, m.active, m.user_id, d.social_account_id as default_social_account
		from members m left join tDefaultAccount d on d.member_id = m.id where m.id = any(@members) order by m.id`},
	{"connections", `
		select c.id, c.member_id, c.p_id, c.a_type, c.expires_at, c.created_at, c.updated_at,
		       s.ref is not null as has_token, s.updated_at as token_since, s.expires_at as token_ends,
		       s.renewable_until, t.reason, t.at as state_since
		from tMemberAuth c left join kept.secrets s on s.ref = nullif(c.secret_ref, '')
		left join connection_states t on t.connection_id = c.id and t.social_account_id = 0
		where c.id = any(@connections) or c.id = any(@shared) order by c.id`},
	{"consents", `
		select g.platform as p_id, g.app, g.person, g.granted, g.declined, g.consented_at, g.data_access_until
		from kept.grants g where (g.platform, g.app, g.person) in (
			select platform, app, person from kept.granted_connections
			where connection_id = any(@connections) or connection_id = any(@shared))
		order by g.platform, g.app, g.person`},
	{"profiles", `
		select id, account_id, member_id, connection_id, p_id, a_type, external_id, name, connected, ended,
		       created_at, updated_at
		from tSAccounts where id = any(@profiles) order by id`},
	{"pages_connected", `
		select id, account_id, member_id, connection_id, p_id, a_type, connected, ended, created_at
		from tSAccounts where member_id = any(@members) and id <> all(@profiles) order by id`},
	{"profile_posts", `
		select social_account_id, external_id, parent_account, account_id, published_at, c_id, post_type, registered_at,
		       updated_at
		from tSPosts where social_account_id = any(@profiles) order by social_account_id, registered_at, external_id`},
	{"profile_post_texts", `
		select social_account_id, external_id, parent_account, account_id, origin, content, media_url, permalink,
		       told_at
		from post_contents where social_account_id = any(@profiles)
		order by social_account_id, told_at, external_id, origin`},
	{"profile_readings", `
		select social_account_id, captured_at, parent_account, account_id, followers, engagement, impressions, views,
		       reach, posts, likes, comments, shares, clicks, others
		from tSAccountIns where social_account_id = any(@profiles) order by social_account_id, captured_at`},
	{"profile_day_figures", `
		select o.social_account_id, o.parent_account, o.account_id, (@metrics::text[])[d.figure % @of_window] as metric, d.window_name,
		       d.day, d.value, d.captured_at
		from day_figures d join figure_owners o on o.id = d.owner where o.social_account_id = any(@profiles)
		order by o.social_account_id, d.day, metric, d.window_name`},
	{"profile_windows", `
		select o.social_account_id, o.parent_account, o.account_id, (@metrics::text[])[d.figure % @of_window] as metric, d.window_name,
		       d.last_value as value, d.last_at as captured_at
		from account_days d join figure_owners o on o.id = d.owner
		where o.social_account_id = any(@profiles) and d.figure > @of_window
		order by o.social_account_id, d.last_at, metric, d.window_name`},
	{"profile_demographics", `
		select o.social_account_id, o.parent_account, o.account_id, d.captured_at, d.demographics
		from account_demographics d join figure_owners o on o.id = d.owner
		where o.social_account_id = any(@profiles) order by o.social_account_id, d.captured_at`},
	{"profile_post_readings", `
		select social_account_id, external_id, captured_at, parent_account, account_id, ` + strings.Join(domain.PostMetrics(), ", ") + `, engagement
		from tSPostInsights where social_account_id = any(@profiles)
		order by social_account_id, external_id, captured_at`},
	{"profile_planned_posts", `
		select id, social_account_id, external_id, c_id, scheduled_at
		from tContentPlanner where social_account_id = any(@profiles) order by id`},
	{"profile_fetching", `
		select social_account_id, kind, read_at, due_at, failures, reason,
		       history_reason, updated_at
		from kept.fetch_state where social_account_id = any(@profiles) order by social_account_id, kind`},
	{"profile_posts_in_vain", `
		select social_account_id, external_id, code as failure, since, tried_at
		from kept.post_notes where social_account_id = any(@profiles) order by social_account_id, external_id`},
	{"profile_pictures", `
		select social_account_id, external_id, tried_at, key_id is not null as kept
		from kept.pictures where social_account_id = any(@profiles) order by social_account_id, external_id`},
	{"platforms_said", `
		select social_account_id, kind, said_at, words
		from kept.platform_words where social_account_id = any(@profiles) order by social_account_id, kind`},
	{"posts_counted_as_the_persons", `
		select social_account_id, external_id, published_at
		from tSPosts where member_id = any(@members) and social_account_id <> all(@profiles)
		order by social_account_id, external_id`},
	{"dashboards_now", `
		select parent_account, sub_account_id as dashboard, allow_client_dashboard as open, scopes, version, updated_at
		from dashboard_preferences where users @> array[@user] order by parent_account, sub_account_id`},
	{"dashboard_changes", `
		select h.time, parent_account, sub_account_id as dashboard, version, event_type, actor as decided_by, role,
		       l.from_version < version as listed_before, l.to_version > version as listed_after,
		       h.allow_client_dashboard as open, h.scopes
		from dashboard_listed l join dashboard_history h using (parent_account, sub_account_id)
		where l.user_id = @user and version between l.from_version and l.to_version
		  and (version in (l.from_version, l.to_version) or h.changed && '{allow_client_dashboard,scopes}')
		order by h.time, parent_account, version, sub_account_id`},
	{"point_of_contact_now", `
		select parent_account, sub_account_id as dashboard
		from dashboard_preferences where @user = any(main_poc) order by 1, 2`},
	{"point_of_contact_changes", `
		select time, parent_account, sub_account_id as dashboard, version, decided_by, is_contact from (
			select time, parent_account, sub_account_id, version, actor as decided_by, @user = any(main_poc) as is_contact,
			       lag(@user = any(main_poc), 1, false) over (partition by parent_account, sub_account_id order by version) as was
			from dashboard_history where 'main_poc' = any(changed)) h
		where is_contact <> was
		order by time, parent_account, version, sub_account_id`},
	{"orders_assigned", `
		select id, buyer, seller, product_type from orders where @user = any(assigned_users) order by id`},
	{"notices", `
		select time, parent_account, version, kind, sub_account_ids as dashboards
		from access_notices where user_id = @user order by time, parent_account, version`},
	{"notices_read", `
		select parent_account, version, updated_at
		from kept.notice_cursors where user_id = @user order by parent_account`},
	{"dashboard_changes_made", `
		select time, parent_account, sub_account_id as dashboard, version, event_type, role,
		       actor = @user as in_own_name, request_id
		from dashboard_history where @user in (actor, on_behalf_of) and @user <> ''
		order by time, parent_account, version, sub_account_id`},
	{"requests_remembered", `
		select time, parent_account, sub_account_id as dashboard, version, command_id
		from dashboard_commands where subject = @user order by time, parent_account, version`},
	{"trail", personTrail},
}

// personTrail selects the entries of operations_trail that are about the person or were caused by
// the person. For each type of entry, it selects only members that cannot identify another person.
// For unknown types, it selects no members.
const personTrail = `
	select time, parent_account, event_id, event_type, by_the_person, actor, role, request_id, case event_type
	         when 'audit.read.v1' then data - 'filter'
	         when 'audit.exported.v1' then data - 'filter'
	         when 'operations.operator_acted.v1' then data #- '{target,user}' #- '{target,member_id}'
	         when 'operations.operator_finished.v1' then data
	         when 'operations.connection_state_changed.v1' then data - case when about then '' else 'member_id' end
	         when 'operations.person_erased.v1' then case when about then data else '{}' end
	         else '{}' end as data
	from (
		select *, @user <> '' and actor = @user as by_the_person,
		       @user <> '' and @user in (data->>'user', data#>>'{filter,user}', data#>>'{filter,actor}',
		       data#>>'{target,user}')
		       or (data->>'member_id')::bigint = any(@members) or (data#>>'{target,member_id}')::bigint = any(@members)
		       or event_type = 'operations.connection_state_changed.v1'
		       and (data->>'connection_id')::bigint = any(@connections) and not data ? 'member_id'
		       or event_type = 'operations.person_erased.v1'
		       and data->'members' @> any(select to_jsonb(array[m]) from unnest(@members::bigint[]) m)
		         as about
		from operations_trail) t
	where by_the_person or about
	order by time, event_id`
