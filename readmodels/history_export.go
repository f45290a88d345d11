package readmodels

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// exportBatch is the number of entries read at a time. Each batch is a transaction of its own: one that
// lasts as long as a slow reader takes would keep the server from cleaning up.
const exportBatch = 200

// Export finds what an export stands for, and returns its entries in the order of the stream, batch by
// batch in constant memory. Limit and order of the query are not used. Later records are left out, so that the whole
// is one prefix of the stream. An error of the sequence ends it. Errors before it are those of
// [History.Entries].
func (h *History) Export(ctx context.Context, q HistoryQuery) (HistoryMeta, iter.Seq2[HistoryEntry, error], error) {
	q.Ascending, q.Limit = true, exportBatch
	after, meta, err := answerHistory(ctx, h, "export", q.ParentAccount, q.Dashboard, func(pgx.Tx, *HistoryMeta) (*entryKey, error) {
		return DecodeCursor[entryKey](q.Cursor, historyCursors())
	})
	if err != nil {
		return HistoryMeta{}, nil, err
	}
	return meta, func(yield func(HistoryEntry, error) bool) {
		for next := after; ; {
			var entries []HistoryEntry
			err := pg.Snapshot(ctx, h.Pool, func(tx pgx.Tx) (err error) {
				entries, next, err = h.readPage(ctx, tx, q, next, meta.AsOf.Version)
				return err
			})
			if err != nil {
				yield(HistoryEntry{}, fmt.Errorf("read history of agency %s for export: %w", q.ParentAccount, err))
				return
			}
			for _, entry := range entries {
				if !yield(entry, nil) {
					return
				}
			}
			if next == nil {
				return
			}
		}
	}, nil
}
