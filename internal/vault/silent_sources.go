package vault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

const silentColumns = `p_id, kind, since, readings, why`

// NoteSources notes what readings said of their sources, each source once, and returns those that have become silent with
// them: every silence is returned once.
func (f *Fetching) NoteSources(ctx context.Context, readings []domain.SourceReadings) (fell []domain.SilentSource, err error) {
	batch := &pgx.Batch{}
	for _, r := range readings { // in one transaction
		if r.Figures {
			batch.Queue(`delete from silent_sources where p_id = $1 and kind = $2`, int(r.Platform), r.Kind)
			continue
		}
		batch.Queue(`
			insert into silent_sources as s (p_id, kind, since, last_at, readings, why) values ($1, $2, $3, $4, $5, $6)
			on conflict (p_id, kind) do update set
				since = case when s.last_at < excluded.since - $7::interval then excluded.since else least(s.since, excluded.since) end,
				readings = case when s.last_at < excluded.since - $7::interval then 0 else s.readings end + excluded.readings,
				told = s.told and s.last_at >= excluded.since - $7::interval,
				last_at = greatest(s.last_at, excluded.last_at), why = excluded.why`,
			int(r.Platform), r.Kind, r.From, r.To, r.InVain, r.Why, domain.SilentFor)
	}
	batch.Queue(`update silent_sources set told = true where not told and readings >= $1 and last_at - since >= $2
		returning `+silentColumns, domain.SilentLeast, domain.SilentAfter).Query(func(rows pgx.Rows) (err error) {
		fell, err = pgx.CollectRows(rows, silentSource)
		return err
	})
	return fell, doing(f.pool.SendBatch(ctx, batch).Close(), "note which sources give no figures")
}

// SilentSources are the sources that have given no figures for a day, as all fetchers have seen them.
func (f *Fetching) SilentSources(ctx context.Context, now time.Time) ([]domain.SilentSource, error) {
	rows, _ := f.pool.Query(ctx, `
		select `+silentColumns+` from silent_sources
		where readings >= $1 and last_at - since >= $2 and last_at >= $3 order by p_id, kind`,
		domain.SilentLeast, domain.SilentAfter, now.Add(-domain.SilentFor))
	silent, err := pgx.CollectRows(rows, silentSource)
	return silent, doing(err, "read which sources give no figures")
}

func silentSource(row pgx.CollectableRow) (s domain.SilentSource, err error) {
	err = row.Scan(&s.Platform, &s.Kind, &s.Since, &s.Readings, &s.Why)
	return s, err
}
