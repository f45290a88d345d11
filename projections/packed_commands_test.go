package projections_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// A rebuild remembers the commands that live projection remembers, whatever their keys look like: those of the last day
// of each agency, and of a key that was used again after its day the newer one.
func TestRebuildRemembersTheCommandsOfALiveFold(t *testing.T) {
	t.Parallel()
	codec := eventlog.NewCodec(domain.NewRegistry(), testTopics(t), "/ledgerboard/test")
	id := uuid.NewSHA1(uuid.NameSpaceOID, []byte("key")).String()
	keys := []string{
		"", "plain words", "Zürich", id, strings.ToUpper(id), "{" + id + "}", "00ff", "00FF", "0ff", strings.Repeat("ab", 32), strings.Repeat("x", 300),
	}
	var events []fold.Event
	for _, agency := range []string{agencyA, agencyB} {
		c := &chain{codec: codec, key: agency, seen: map[string]bool{}}
		for n := range 200 {
			at := day0.Add(time.Duration(n) * 25 * time.Minute) // more than three days
			r := c.next(c.usersSet(client1, fmt.Sprint(n)), func(d *domain.Draft) {
				d.Envelope.Time = at
				d.Envelope.Audit.Actor = []string{"someone", agencyA}[n%2]
				d.Envelope.Audit.IdempotencyKey = keys[n%len(keys)]
				if n%66 > 10 { // others come once; these again after more than a day, and after less
					d.Envelope.Audit.IdempotencyKey += fmt.Sprint(" ", n)
				}
				d.Envelope.Audit.RequestDigest = keys[n%7]
			})
			r.Partition = eventlog.PartitionOf(r.Key, dashboards.Partitions)
			recorded, err := codec.Decode(r)
			require.NoError(t, err)
			events = append(events, fold.Event{Recorded: recorded, Raw: r})
		}
	}
	live, bulk := pgtest.New(t), pgtest.New(t)
	var batches [][]fold.Event
	for len(events) > 0 {
		n := min(7, len(events))
		batches, events = append(batches, events[:n]), events[n:]
	}
	foldtest.Batches(t, live, dashboards, batches)
	copyBatches(t, bulk, dashboards, batches...)
	want := foldtest.Dump(t, live, dashboards.Tables()...)
	require.Contains(t, strings.Join(want, "\n"), "Zürich")
	require.Equal(t, want, foldtest.Dump(t, bulk, dashboards.Tables()...))
}
