package proof

import "github.com/ledgerboard/ledgerboard/internal/eventlog"

// QuickVerdict is the shortcut alone.
func QuickVerdict(head eventlog.Head, r eventlog.Record) (eventlog.Head, bool) {
	return new(judge).quick(head, r)
}
