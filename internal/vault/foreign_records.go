package vault

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxForeign is how many foreign records of a partition are kept.
const maxForeign = 1000

// ForeignRecords are those that were met in a log.
type ForeignRecords struct {
	pool *pgxpool.Pool
	log  string
}

// NewForeignRecords returns those of the log with the id.
func NewForeignRecords(pool *pgxpool.Pool, log string) *ForeignRecords {
	return &ForeignRecords{pool, log}
}

// Keep adds records; what is kept already stays as it is, and of each partition not more than 1,000 are.
func (f *ForeignRecords) Keep(ctx context.Context, records []domain.ForeignRecord) error {
	batch := &pgx.Batch{}
	for _, r := range records {
		batch.Queue(`
			insert into foreign_records (log_id, topic, partition, "offset", reason, seen_at) select $1, $2, $3, $4, $5, $6
			where (select count(*) from foreign_records where (log_id, topic, partition) = ($1, $2, $3)) < $7 on conflict do nothing`,
			f.log, r.Topic, r.Partition, r.Offset, r.Reason, r.Seen, maxForeign)
	}
	return doing(f.pool.SendBatch(ctx, batch).Close(), "keep foreign records")
}

// First returns the first so many of a topic, by partition and offset.
func (f *ForeignRecords) First(ctx context.Context, topic string, most int) ([]domain.ForeignRecord, error) {
	rows, _ := f.pool.Query(ctx, `
		select topic, partition, "offset", reason, seen_at from foreign_records
		where log_id = $1 and topic = $2 order by partition, "offset" limit $3`, f.log, topic, most)
	records, err := pgx.CollectRows(rows, pgx.RowToStructByPos[domain.ForeignRecord])
	return records, doing(err, "read foreign records")
}
