package readmodels

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
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
	var meta HistoryMeta
	err := h.snapshot(ctx, q.ParentAccount, &meta, func(tx pgx.Tx) error {
		if q.Cursor != "" {
			if _, err := parseCursor(q.Cursor); err != nil {
				return err
			}
		}
		return checkDashboard(ctx, tx, q.ParentAccount, q.Dashboard)
	})
	if err != nil {
		return HistoryMeta{}, nil, fmt.Errorf("begin export of agency %s: %w", q.ParentAccount, err)
	}
	return meta, func(yield func(HistoryEntry, error) bool) {
		for {
			entries, next, err := h.exported(ctx, q, meta.AsOf.Version)
			if err != nil {
				yield(HistoryEntry{}, err)
				return
			}
			for _, entry := range entries {
				if !yield(entry, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			q.Cursor = next
		}
	}, nil
}

func (h *History) exported(ctx context.Context, q HistoryQuery, until int64) (entries []HistoryEntry, next string, err error) {
	var meta HistoryMeta
	err = h.snapshot(ctx, q.ParentAccount, &meta, func(tx pgx.Tx) error {
		page, cursor, err := findEntries(ctx, tx, q, until)
		if err != nil {
			return err
		}
		if page, next, err = h.affordable(ctx, tx, q.ParentAccount, page, cursor); err != nil {
			return err
		}
		entries, err = readEntries(ctx, tx, q.ParentAccount, page)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read history of agency %s for export: %w", q.ParentAccount, err)
	}
	return entries, next, nil
}

// Cursor asks for what follows the entry, as [HistoryMeta].NextCursor does for a page.
func (e HistoryEntry) Cursor() string { return entryKey{e.Version, e.Dashboard.ID}.cursor() }
