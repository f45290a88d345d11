package vault

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
)

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
			insert into foreign_records (log_id, topic, partition, "offset", reason, seen_at, claims) select $1, $2, $3, $4, $5, $6, $7
			where (select count(*) from foreign_records where (log_id, topic, partition) = ($1, $2, $3)) < $8 on conflict do nothing`,
			f.log, r.Topic, r.Partition, r.Offset, r.Reason, r.Seen, r.Claims, domain.MaxForeignRecords)
	}
	return doing(f.pool.SendBatch(ctx, batch).Close(), "keep foreign records")
}

// First returns the first so many of a topic, by partition and offset.
func (f *ForeignRecords) First(ctx context.Context, topic string, most int) ([]domain.ForeignRecord, error) {
	rows, _ := f.pool.Query(ctx, `
		select topic, partition, "offset", reason, seen_at, claims from foreign_records
		where log_id = $1 and topic = $2 order by partition, "offset" limit $3`, f.log, topic, most)
	records, err := pgx.CollectRows(rows, pgx.RowToStructByPos[domain.ForeignRecord])
	return records, doing(err, "read foreign records")
}

// Claims are the foreign records of a topic that claim to be of one stream, and what lies beside them.
type Claims struct {
	Records []domain.ForeignRecord // the first so many, by partition and offset
	Count   int64                  // how many are kept
	Others  int64                  // how many that do not claim so are kept of the stream's own partition
	Full    bool                   // no more of that partition are kept
}

// Claims returns those of a stream, by its id and its partition.
func (f *ForeignRecords) Claims(ctx context.Context, topic string, partition int32, id string, most int) (c Claims, err error) {
	rows, _ := f.pool.Query(ctx, `
		select topic, partition, "offset", reason, seen_at, claims from foreign_records
		where log_id = $1 and topic = $2 and claims = $3 order by partition, "offset" limit $4`, f.log, topic, id, most)
	if c.Records, err = pgx.CollectRows(rows, pgx.RowToStructByPos[domain.ForeignRecord]); err != nil {
		return c, doing(err, "read foreign records")
	}
	err = f.pool.QueryRow(ctx, `
		select count(*) filter (where claims = $4), count(*) filter (where partition = $3 and claims <> $4), count(*) filter (where partition = $3) >= $5
		from foreign_records where log_id = $1 and topic = $2`, f.log, topic, partition, id, domain.MaxForeignRecords).Scan(&c.Count, &c.Others, &c.Full)
	return c, doing(err, "count foreign records")
}
