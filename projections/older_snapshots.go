package projections

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// olderSnapshots waits before a switch for transactions that would see the new tables empty, because
// their snapshot is older than the rows: with REPEATABLE READ, a report that has read one view may
// read another one an hour later.
type olderSnapshots struct {
	mu           sync.Mutex
	since        time.Time // zero: the wait has not begun
	transactions []string  // virtual ids of those that ran when it began
}

// readers returns which of the older transactions read views and hold a snapshot, for people; "" if
// none does, or once atMost has passed, and then in late. The first call begins the wait: the new
// tables must be complete.
//
// A transaction that has a snapshot but has not read a view yet is not found. It would have to read
// the first one after the switch.
func (o *olderSnapshots) readers(ctx context.Context, q pg.Querier, atMost time.Duration) (waitsFor, late string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.transactions, err = pg.List(ctx, q, "read which transactions are running", pgx.RowTo[string],
			`select virtualtransaction from pg_locks where locktype = 'virtualxid' and pid <> pg_backend_pid()`)
		if err != nil {
			return "", "", err
		}
		o.since = time.Now()
	}
	// Which snapshots and locks exist is visible to every user; the rest only to members of the role.
	found, err := pg.List(ctx, q, "read which sessions hold older snapshots", pgx.RowTo[string], `
		select concat('process ', a.pid, ' (', concat_ws(', ', nullif(a.application_name, ''), 'user ' || a.usename,
			'since ' || to_char(a.xact_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')), ')')
		from pg_stat_activity a
		where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_xmin is not null and exists (
			select from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
			where l.pid = a.pid and l.virtualtransaction = any($1) and c.relkind = 'v'
			  and (n.nspname = $2 or n.nspname ~ '^lb_.*_v[0-9]+$')
			  and l.database = (select oid from pg_database where datname = current_database()))
		order by a.pid`, o.transactions, migrations.Views)
	text := strings.Join(found, "; ")
	if err == nil && time.Since(o.since) > atMost {
		return "", text, nil
	}
	return text, "", err
}

// end ends the wait, so that the next call of readers begins another one.
func (o *olderSnapshots) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since, o.transactions = time.Time{}, nil
}
