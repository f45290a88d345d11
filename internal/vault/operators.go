package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Pauses stores the current pauses. The topic `operations` records who paused or resumed what, and
// when, before the state changes here. The state is not projected, because the pause of a
// projection must not depend on that projection.
type Pauses struct{ Pool *pgxpool.Pool }

// Pause starts a pause. It returns false if the pause already exists, which is then not changed.
func (p Pauses) Pause(ctx context.Context, pause domain.Pause) (began bool, err error) {
	tag, err := p.Pool.Exec(ctx, `
		insert into pauses (kind, name, since, actor, code, ticket) values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
		pause.Kind, pause.Name, pause.Since, pause.Actor, pause.Reason.Code, pause.Reason.Ticket)
	return tag.RowsAffected() > 0, pg.Wrap(fmt.Sprintf("pause %s %s", pause.Kind, pause.Name), err)
}

// Resume ends a pause and reports whether there was one.
func (p Pauses) Resume(ctx context.Context, kind domain.PauseKind, name string) (ended bool, err error) {
	tag, err := p.Pool.Exec(ctx, `delete from pauses where kind = $1 and name = $2`, kind, name)
	return tag.RowsAffected() > 0, pg.Wrap(fmt.Sprintf("resume %s %s", kind, name), err)
}

// Paused reports whether a projection or a platform is paused.
func (p Pauses) Paused(ctx context.Context, kind domain.PauseKind, name string) (paused bool, err error) {
	return pg.QueryBool(ctx, p.Pool, fmt.Sprintf("check whether %s %s is paused", kind, name),
		`select exists (select from pauses where kind = $1 and name = $2)`, kind, name)
}

// List returns all current pauses, by kind and name.
func (p Pauses) List(ctx context.Context) ([]domain.Pause, error) {
	return pg.List(ctx, p.Pool, "list pauses", func(row pgx.CollectableRow) (pause domain.Pause, err error) {
		err = row.Scan(&pause.Kind, &pause.Name, &pause.Since, &pause.Actor, &pause.Reason.Code, &pause.Reason.Ticket)
		return pause, err
	}, `select kind, name, since, actor, code, ticket from pauses order by kind, name`)
}

// Backups stores the time of the last backup of the log.
type Backups struct{ Pool *pgxpool.Pool }

// Note stores the time at which a backup finished.
func (b Backups) Note(ctx context.Context, endedAt time.Time) error {
	return pg.Exec(ctx, b.Pool, "store the time of the backup",
		`insert into backups (ended_at) values ($1) on conflict (only_row) do update set ended_at = excluded.ended_at`, endedAt)
}

// Newest returns the time at which the last backup finished; found is false if no backup is known.
func (b Backups) Newest(ctx context.Context) (endedAt time.Time, found bool, err error) {
	return pg.Find(ctx, b.Pool, "read the time of the last backup", pgx.RowTo[time.Time],
		`select ended_at from backups`)
}

// Installation identifies the installation that a database belongs to.
type Installation struct {
	ID      string
	TopicID string // id of topic `operations` of its log; "" before the first start
	Next    int64  // claims on the topic before this offset were read
}

// ReadInstallation returns the installation of a database. It creates the installation at the first call.
func ReadInstallation(ctx context.Context, pool *pgxpool.Pool) (i Installation, err error) {
	err = pg.Exec(ctx, pool, "create the id of the installation",
		`insert into installation default values on conflict do nothing`)
	if err != nil {
		return i, err
	}
	err = pool.QueryRow(ctx, `select id::text, operations_topic_id, next_offset from installation`).
		Scan(&i.ID, &i.TopicID, &i.Next)
	return i, pg.Wrap("read the id of the installation", err)
}

// Save stores which log belongs to the installation.
func (i Installation) Save(ctx context.Context, pool *pgxpool.Pool) error {
	return pg.Exec(ctx, pool, "store the log of the installation",
		`update installation set operations_topic_id = $1, next_offset = $2`, i.TopicID, i.Next)
}
